"""Machines with systemd and nothing of ours become machines of the cluster, and stay so over a reboot.

The head hands out the whole software; the machines reach no package index. Their model engine is the embedded one, with
its real model.
"""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lan.booted import BootedMachine
from tests.lan.house import MODEL, House
from tests.lan.lan import Lan
from tests.lan.wheels import stock
from tests.waiting import until

pytestmark = [
    pytest.mark.real,
    # The first run on a box makes the system that the machines boot, and fetches the packages.
    pytest.mark.timeout(1200),
]
BY_LINE, BY_SSH = ("one",), ("two", "three")
INSTALLER = "/home/owner/install_unified.sh"
USER_UNIT = "cluster-ai.service"
WHERE = """
import json, socket
from distributed import Client
with Client("tcp://127.0.0.1:8786", timeout=20) as client:
    print(json.dumps(sorted(client.run(socket.gethostname).values())))
"""


class Town:
    """A head, and machines that its owner reaches by SSH."""

    def __init__(self, lan: Lan) -> None:
        self.house = House(lan, prepare=stock)
        names = (*BY_LINE, *BY_SSH)
        with ThreadPoolExecutor() as doing:
            booted = doing.map(lambda name: lan.booted(name, linger=True), names)
            self.machines = dict(zip(names, booted, strict=True))
        self.lan = lan

    def ssh(self, name: str, command: str, *, given: str = "") -> str:
        """What the command says on the machine, as its owner, in a session that ends with it."""
        machine = self.machines[name]
        known = self.lan.folder / f"known_hosts-{name}"
        known.write_text(machine.known_host)
        ask = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-i", self.lan.key]
        ask += [f"owner@{machine.address}", command]
        return self.house.head.machine.run(ask, given=given, seconds=400).stdout

    def install(self, name: str) -> None:
        """By hand, as the line's own words say: the script from the head, the line pasted."""
        door = f"https://{self.house.head.machine.address}:8443"
        self.ssh(name, f"curl -sSfk {door}/install_unified.sh -o {INSTALLER}")
        line = self.house.line()
        self.ssh(name, f"sh {INSTALLER} worker --yes --name {name} --join-file -", given=f"{line}\n")

    def add(self, name: str, *, fingerprint: str = "") -> subprocess.CompletedProcess[str]:
        """From the head, which runs the same script there by SSH. The fingerprint was read off the machine."""
        machine = self.machines[name]
        known = ("--identity", str(self.lan.key), "--fingerprint", fingerprint or machine.fingerprint)
        words = ("node", "add", f"owner@{machine.address}", *known, "--name", name)
        return self.house.head.cli(*words, check=not fingerprint, seconds=400)

    def is_whole(self) -> bool:
        names = set(self.machines)
        workers = {worker["name"] for worker in self.house.get("/api/v1/compute")["workers"]}
        working = {name for name in names if any(worker.startswith(f"{name}-") for worker in workers)}
        return names <= self.house.healthy() & self.house.serving() & working


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        town = Town(lan)
        with ThreadPoolExecutor() as doing:
            begun = [*(doing.submit(town.install, name) for name in BY_LINE)]
            begun += [doing.submit(town.add, name) for name in BY_SSH]
        for one in begun:
            one.result()
        until(town.is_whole, seconds=120, what="all machines work", bears=(OSError, KeyError))
        yield town


def agents(machine: BootedMachine) -> set[str]:
    """What runs of ours there, whoever started it."""
    told = machine.run(["ps", "-eo", "user=,args="]).stdout.splitlines()
    return {line.split()[0] for line in told if "cluster_ai" in line}


def test_what_was_started_over_ssh_outlives_the_session(town: Town) -> None:
    for name, machine in town.machines.items():
        sessions = machine.run(["loginctl", "list-sessions", "--no-legend"]).stdout
        assert not sessions.strip(), f"{name}: {sessions}"
        assert agents(machine) == {"owner"}, "with the rights of its user, and no others"
        state = machine.run(["systemctl", "--user", "is-active", USER_UNIT], user="owner", check=False).stdout
        assert state == "active\n"


def test_tasks_run_on_all_of_them(town: Town) -> None:
    assert json.loads(town.house.head.machine.run(["python", "-c", WHERE]).stdout) == sorted(town.machines)


def test_the_real_model_answers_on_all_of_them(town: Town) -> None:
    def asked(number: int) -> str:
        said = [{"role": "user", "content": f"What is the capital of France? ({number})"}]
        body = {"model": MODEL, "stream": False, "messages": said, "options": {"num_predict": 12}}
        status, headers, answer = town.house.ask_gateway("/api/chat", body)
        assert status == 200, answer
        assert answer["message"]["content"]
        return headers["x-cluster-node"]

    seen: set[str] = set()

    def everywhere() -> bool:
        with ThreadPoolExecutor(6) as doing:
            seen.update(doing.map(asked, range(6)))
        return seen == set(town.machines)

    until(everywhere, seconds=120, what="each of them has answered")


def test_nothing_but_doors_under_tls_is_open_on_them(town: Town) -> None:
    for machine in town.machines.values():
        outward = {port for address, port in machine.listening() if address not in {"127.0.0.1", "[::1]"}}
        assert outward == {22, 11_437, 8790, 8791}


def test_a_machine_with_another_host_key_than_was_told_gets_nothing(town: Town) -> None:
    other = town.machines["two"].fingerprint
    refused = town.add("three", fingerprint=other)
    assert refused.returncode
    assert town.machines["three"].fingerprint in refused.stderr
    audit = town.house.get("/api/v1/audit")["items"]
    assert any(one["action"] == "host_key_refused" and other in one["subject"] for one in audit)


def test_they_are_back_by_themselves_after_a_reboot(town: Town) -> None:
    with ThreadPoolExecutor() as doing:
        list(doing.map(lambda machine: machine.reboot(), town.machines.values()))
    until(town.is_whole, seconds=120, what="all machines work again", bears=(OSError, KeyError))
    assert json.loads(town.house.head.machine.run(["python", "-c", WHERE]).stdout) == sorted(town.machines)


def test_uninstalled_a_machine_is_as_it_was(town: Town) -> None:
    one = town.machines["one"]
    town.house.head.cli("node", "rm", "one", "--yes")
    town.ssh("one", f"sh {INSTALLER} --uninstall --purge --yes")
    assert agents(one) == set()
    left = one.run(["find", "/home/owner", "-iname", "*cluster*ai*"]).stdout
    assert not left.strip()
