"""Machines that boot: what the harness promises to the tests that stand on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lan import names
from tests.lan.booted import BootedMachine, checkout
from tests.lan.lan import Lan
from tests.lan.machine import Machine
from tests.waiting import until

pytestmark = [
    pytest.mark.real,
    # The first run on a box makes the system that they boot.
    pytest.mark.timeout(900),
]
UNIT = """
[Service]
ExecStart=sh -c 'echo it began; exec sleep infinity'
Restart=always
[Install]
WantedBy=default.target
"""


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lan]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        lan.machine("head")
        lan.booted("one", linger=True, shows=checkout())
        lan.booted("two")
        yield lan


@pytest.fixture
def head(lan: Lan) -> Machine:
    return lan.hosts["head"]


@pytest.fixture
def one(lan: Lan) -> BootedMachine:
    return lan.hosts["one"]


@pytest.fixture
def two(lan: Lan) -> BootedMachine:
    return lan.hosts["two"]


def by_ssh(head: Machine, lan: Lan, machine: BootedMachine, command: str) -> list[str]:
    known = lan.folder / "known_hosts"
    known.write_text(machine.known_host)
    ask = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-i", lan.key]
    return head.run([*ask, f"owner@{machine.address}", command]).stdout.splitlines()


def test_its_user_comes_in_by_ssh_from_another_machine(lan: Lan, head: Machine, one: BootedMachine) -> None:
    lines = by_ssh(head, lan, one, "whoami; hostname; pwd; sudo id -un; cat /proc/1/comm; echo $XDG_RUNTIME_DIR")
    assert lines == ["owner", "one", "/home/owner", "root", "systemd", "/run/user/1000"]


def test_two_of_them_are_two(one: BootedMachine, two: BootedMachine) -> None:
    for command in (["cat", "/etc/machine-id"], ["hostname"], ["cat", "/proc/sys/kernel/random/boot_id"]):
        assert one.run(command).stdout != two.run(command).stdout
    one.run(["systemctl", "stop", "ssh"])
    assert two.run(["systemctl", "is-active", "ssh"]).stdout == "active\n"
    assert {port for _, port in two.listening()} == {22}
    assert not one.listening()
    one.run(["systemctl", "start", "ssh"])
    assert two.reach(22, of=one) == "open"


def test_the_checkout_runs_in_one_that_is_shown_it(one: BootedMachine) -> None:
    program = checkout()[0] / ".venv/bin/cluster-ai"
    assert one.run([program, "--version"]).stdout.startswith("cluster-ai")
    assert one.run(["touch", str(program)], check=False).returncode


def test_a_unit_of_the_user_outlives_sessions_and_a_reboot(lan: Lan, head: Machine, one: BootedMachine) -> None:
    folder = "/home/owner/.config/systemd/user"
    one.run(["mkdir", "-p", folder], user="owner")
    one.run(["tee", f"{folder}/lasting.service"], user="owner", given=UNIT)
    by_ssh(head, lan, one, "systemctl --user enable --now lasting.service")
    state = ["systemctl", "--user", "is-active", "lasting.service"]
    assert one.run(state, user="owner").stdout == "active\n"
    one.reboot()
    until(lambda: one.run(state, user="owner", check=False).stdout == "active\n", what="the unit is up again")
    assert one.journal("_SYSTEMD_USER_UNIT=lasting.service").count("it began") == 2


def test_one_that_is_cut_from_power_says_nothing_and_boots_with_its_disk(head: Machine, two: BootedMachine) -> None:
    two.run(["sh", "-c", "echo kept >/root/note; sync"])
    with head.socket() as sock:
        sock.connect((two.address, 22))
        assert sock.recv(1000).startswith(b"SSH-")
        two.cut()
        # Nobody told this end: the connection seems to stand.
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1000)
    assert head.reach(22, of=two, seconds=0.5) != "open"
    two.boot()
    assert two.run(["cat", "/root/note"]).stdout == "kept\n"
    assert head.reach(22, of=two) == "open"


def test_a_machine_without_power_is_told_from_one_that_did_not_boot(two: BootedMachine) -> None:
    two.poweroff()
    assert two.boot_id == ""
    two.boot()
    assert two.boot_id


def test_nothing_is_left_of_one_afterwards(tmp_path: Path) -> None:
    with Lan(tmp_path) as lan:
        space = lan.booted("brief").cable.space
        assert list(names.GROUPS.glob(f"**/{space}"))
    assert not list(names.GROUPS.glob(f"**/{space}"))
    assert space not in names.ours()
    assert not Path("/run/systemd/nspawn").exists()
