"""The real ufw and the real firewalld, each on a machine with systemd: our doors are opened in them, and shut again."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.lan.booted import CHECKOUT, BootedMachine
from tests.lan.lan import Lan
from tests.lan.machine import Machine
from tests.waiting import until

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    # The first run on a box makes the system that the machine boots.
    pytest.mark.timeout(900),
]
PACKAGES = ("ufw", "firewalld")
SSH, DOOR, SCHEDULER = 22, 8443, 8786
LONG = 600
TRIAL = 40
"""Seconds; on a busy machine what is asked of firewalld takes ten."""
BEGIN = {
    # Either is set to let SSH in, and nothing else.
    "ufw": "systemctl disable --now firewalld; ufw allow 22/tcp; ufw --force enable",
    "firewalld": "systemctl start firewalld",
}
DRIVER = """
import json, sys
from cluster_ai.firewall.kernel import Filter
from cluster_ai.firewall.rules import Policy
verb, member, seconds = sys.argv[1:]
policy = Policy((member,), ((8786, 8786), (8790, 8821)), ((8443, 8443),))
filter = Filter()
if verb == "apply":
    filter.try_out(policy, seconds=int(seconds))
elif verb == "confirm":
    filter.confirm()
elif verb == "remove":
    filter.remove()
other = filter.beside()
print(json.dumps([other.name, other.opened(), other.commands(policy)]))
"""


class Home:
    def __init__(self, lan: Lan, kind: str) -> None:
        self.kind = kind
        self.head: BootedMachine = lan.booted("head", shows=(CHECKOUT,), packages=PACKAGES)
        self.member, self.guest = (lan.machine(name) for name in ("member", "guest"))
        self.head.run(["sh", "-c", BEGIN[kind]])
        self.before = self.theirs()
        self.ears: list[socket.socket] = []
        self.listen()

    def listen(self) -> None:
        """Somebody is behind the doors; a machine whose power was cut has a network of its own again."""
        self.hush()
        for port in (DOOR, SCHEDULER):
            sock = self.head.socket()
            sock.bind((self.head.address, port))
            sock.listen()
            self.ears.append(sock)

    def hush(self) -> None:
        while self.ears:
            self.ears.pop().close()

    def theirs(self) -> str:
        """All that the other firewall has."""
        told = {"ufw": "ufw show added", "firewalld": "firewall-cmd --list-all; firewall-cmd --permanent --list-all"}
        return self.head.run(["sh", "-c", told[self.kind]]).stdout

    def do(self, verb: str, *, seconds: int = LONG) -> list[str]:
        """What is open of ours afterwards."""
        argv = ["env", f"PYTHONPATH={CHECKOUT}", "PYTHONDONTWRITEBYTECODE=1", "python3", "-c", DRIVER]
        told = self.head.run([*argv, verb, self.member.address, str(seconds)], seconds=120).stdout
        name, opened, _ = json.loads(told)
        assert name == self.kind
        return list(opened)

    def open(self, of: Machine) -> set[int]:
        return {port for port in (SSH, DOOR, SCHEDULER) if of.reach(port, of=self.head, seconds=0.5) == "open"}


@pytest.fixture(scope="module", params=sorted(BEGIN))
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        made = Home(lan, request.param)
        yield made
        made.hush()


def test_it_refuses_whatever_nobody_opened(home: Home) -> None:
    assert home.open(home.guest) == {SSH}
    assert home.open(home.member) == {SSH}


def test_on_trial_the_doors_are_open_to_whom_they_should_and_shut_by_themselves(home: Home) -> None:
    assert home.do("apply", seconds=TRIAL)
    assert home.open(home.guest) == {SSH, DOOR}
    assert home.open(home.member) == {SSH, DOOR, SCHEDULER}
    until(lambda: home.open(home.guest) == {SSH}, seconds=60, what="the trial ends by itself")
    until(lambda: home.open(home.member) == {SSH}, seconds=60, what="for members, too")
    until(lambda: home.theirs() == home.before, seconds=30, what="nothing of it is left")


def test_power_that_is_cut_in_the_middle_of_a_trial_ends_it(home: Home) -> None:
    assert home.do("apply")
    assert home.open(home.guest) == {SSH, DOOR}
    if home.kind == "firewalld":
        # What it is to have again after a boot stands apart.
        assert not home.head.run(["firewall-cmd", "--permanent", "--list-rich-rules"]).stdout.strip()
        home.do("remove")
        return
    home.head.cut()
    home.head.boot()
    home.listen()
    until(lambda: home.theirs() == home.before, seconds=60, what="nothing of it is left")
    until(lambda: home.open(home.guest) == {SSH}, seconds=30, what="the doors are shut")
    over = "ls -d /etc/cluster-ai/* /etc/systemd/system/cluster-ai-* 2>&1 | grep -v 'cannot access'; true"
    assert home.head.run(["sh", "-c", over]).stdout == ""


def test_what_is_confirmed_stays_also_over_a_boot(home: Home) -> None:
    home.do("apply", seconds=TRIAL)
    kept = home.do("confirm")
    assert kept
    # Longer than the trial would have lasted.
    home.head.run(["sleep", str(TRIAL + 2)])
    assert sorted(home.do("show")) == sorted(kept)
    assert home.open(home.guest) == {SSH, DOOR}
    home.head.reboot()
    until(lambda: home.open(home.member) == {SSH, DOOR, SCHEDULER}, seconds=30, what="it is as it was")
    assert home.open(home.guest) == {SSH, DOOR}


def test_tried_again_what_stands_is_not_put_at_stake(home: Home) -> None:
    home.do("apply", seconds=TRIAL)
    home.head.run(["sleep", str(TRIAL + 2)])
    until(lambda: home.open(home.guest) == {SSH, DOOR}, seconds=20, what="what was confirmed still stands")


def test_taken_away_it_is_as_before(home: Home) -> None:
    assert home.do("remove") == []
    assert home.theirs() == home.before
    assert home.open(home.guest) == {SSH}
