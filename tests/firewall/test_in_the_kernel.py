"""A head, a machine of its cluster and a guest on one real network, each in namespaces of its own."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster_ai.firewall.kernel import Filter, FilterRefused, InForce, NothingOnTrial
from cluster_ai.firewall.rules import Policy
from tests.lan.lan import Lan
from tests.lan.machine import Machine
from tests.waiting import until

pytestmark = pytest.mark.real
SSH, DOOR, SCHEDULER, WORKER = 22, 8443, 8786, 8791
PORTS = (SSH, DOOR, SCHEDULER, WORKER)
INSIDE, DOORS = ((SCHEDULER, SCHEDULER), (8790, 8821)), ((DOOR, DOOR),)
LONG = 600


class Home:
    """``head`` listens at all of its ports."""

    def __init__(self, lan: Lan) -> None:
        self.head, self.member, self.guest = (lan.machine(name) for name in ("head", "member", "guest"))
        self.filter = Filter(("ip", "netns", "exec", self.head.cable.space, "nft"))
        self.ears: dict[int, socket.socket] = {}
        self.taken: dict[tuple[str, int], socket.socket] = {}
        self.policy = Policy((self.member.address,), INSIDE, DOORS)

    def heard(self, sock: socket.socket, *, seconds: float = 10) -> bytes:
        """What the scheduler hears over that connection. Raises ``TimeoutError``."""
        ear, theirs = self.ears[SCHEDULER], sock.getsockname()
        ear.settimeout(10)
        while theirs not in self.taken:
            peer, address = ear.accept()
            self.taken[address] = peer
        self.taken[theirs].settimeout(seconds)
        return self.taken[theirs].recv(100)

    def close(self) -> None:
        for peer in self.taken.values():
            peer.close()

    def open(self, of: Machine) -> set[int]:
        return {port for port in PORTS if of.reach(port, of=self.head, seconds=0.5) == "open"}


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan, ExitStack() as stack:
        home = Home(lan)
        for port in PORTS:
            sock = home.ears[port] = stack.enter_context(home.head.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((home.head.address, port))
            sock.listen(64)
        yield home
        home.close()


@pytest.fixture
def home(around: Home) -> Iterator[Home]:
    yield around
    around.filter.remove()


def test_before_anything_is_done_nothing_of_ours_is_there(home: Home) -> None:
    assert home.filter.in_force() == InForce()
    home.filter.remove()
    assert home.open(home.guest) == set(PORTS)


def test_guest_comes_to_the_door_and_no_further(home: Home) -> None:
    now = home.filter.try_out(home.policy, seconds=LONG)
    assert now.standing == ()
    assert 0 < now.seconds <= LONG
    assert home.open(home.guest) == {SSH, DOOR}
    assert home.open(home.member) == set(PORTS)
    assert home.open(home.head) == set(PORTS), "it speaks to itself"


def test_doors_of_one_network_are_closed_to_others(home: Home) -> None:
    policy = Policy((home.member.address,), INSIDE, DOORS, networks=("172.30.0.0/16",))
    home.filter.try_out(policy, seconds=LONG)
    assert home.open(home.guest) == {SSH}, "SSH is nobody's to close"
    assert home.open(home.member) == set(PORTS)


def test_what_nobody_confirms_is_taken_back_by_the_kernel_itself(home: Home) -> None:
    home.filter.try_out(home.policy, seconds=LONG)
    home.filter.confirm()
    closed = Policy((), INSIDE, DOORS, networks=("172.30.0.0/16",))
    home.filter.try_out(closed, seconds=5)
    assert home.open(home.member) <= {SSH}
    until(lambda: home.open(home.member) == set(PORTS), seconds=60, what="the rules before are back")
    assert home.open(home.guest) == {SSH, DOOR}, "those that were confirmed, not none"
    with pytest.raises(NothingOnTrial):
        home.filter.confirm()


def test_what_is_confirmed_stays(home: Home) -> None:
    tried = home.filter.try_out(home.policy, seconds=LONG).tried
    assert home.filter.confirm() == InForce(standing=tried)
    assert home.open(home.guest) == {SSH, DOOR}
    # New ones take the place of the old ones at once, and in the same words.
    home.filter.try_out(home.policy, seconds=LONG)
    assert home.filter.confirm() == InForce(standing=tried)


def test_open_connection_of_who_may_not_come_any_more_is_cut(home: Home) -> None:
    with home.guest.socket() as guest, home.member.socket() as member:
        for sock in (guest, member):
            sock.settimeout(10)
            sock.connect((home.head.address, SCHEDULER))
        home.filter.try_out(home.policy, seconds=LONG)
        for sock in (guest, member):
            sock.sendall(b"still here")
        assert home.heard(member) == b"still here"
        with pytest.raises(TimeoutError):
            home.heard(guest, seconds=1)


def test_looking_changes_nothing(home: Home) -> None:
    said = home.filter.check(home.policy)
    assert home.member.address in said
    assert home.filter.in_force() == InForce()
    assert home.open(home.guest) == set(PORTS)


def test_rules_of_others_stay(home: Home) -> None:
    rules = "type filter hook input priority 0; policy accept; tcp dport 9 drop;"
    home.head.run(["nft", "-f", "-"], given=f"table inet of_others {{ chain input {{ {rules} }}; }}\n")
    home.filter.try_out(home.policy, seconds=LONG)
    home.filter.confirm()
    home.filter.remove()
    assert "tcp dport 9 drop" in home.head.run(["nft", "list", "table", "inet", "of_others"]).stdout
    home.head.run(["nft", "delete", "table", "inet", "of_others"])


def test_what_cannot_be_done_is_told_and_the_rules_stay(home: Home, tmp_path: Path) -> None:
    home.filter.try_out(home.policy, seconds=LONG)
    before = home.filter.confirm()
    wrong = Policy((home.member.address,), ((70_000, 70_000),), DOORS)
    with pytest.raises(FilterRefused, match="Error"):
        home.filter.try_out(wrong, seconds=LONG)
    assert home.filter.in_force() == before
    with pytest.raises(FilterRefused):
        Filter(("false",)).in_force()
    with pytest.raises(FilterRefused, match="does not run"):
        Filter((str(tmp_path / "nft"),)).in_force()
