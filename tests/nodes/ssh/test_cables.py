"""Networks that fail: each is told as what it is, and soon."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.discovery.known_hosts import parse
from cluster_ai.nodes.ssh.connecting import connected
from cluster_ai.nodes.ssh.credentials import Credentials
from cluster_ai.nodes.ssh.dialing import Times
from cluster_ai.nodes.ssh.host_keys import HostKeys, Trust
from cluster_ai.nodes.ssh.session import Session
from cluster_ai.nodes.ssh.target import Target
from tests.lan.lan import Lan
from tests.lan.machine import Machine

pytestmark = pytest.mark.real
SOON = Times(connect=2.0, banner=3.0, exchange=4.0, sign_in=4.0, channel=3.0, keepalive=2, silence=3)
Doing = Callable[[Session], Awaitable[object]]


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lan]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        lan.machine("head")
        lan.machine("shelf").sshd(key=lan.key)
        yield lan


@pytest.fixture
def shelf(lan: Lan) -> Iterator[Machine]:
    machine = lan.hosts["shelf"]
    assert isinstance(machine, Machine)
    yield machine
    machine.cable.heal()
    machine.cable.plug()


def outcome(lan: Lan, target: Target, doing: Doing, known: Path) -> tuple[str, float]:
    """The code of the error that it ended with, and after how long."""

    async def go() -> None:
        credentials = Credentials(identities=(lan.key,), agent=False)
        async with connected(target, trust=Trust(HostKeys(known)), credentials=credentials, times=SOON) as session:
            await doing(session)

    def stand() -> str:
        try:
            asyncio.run(go())
        except ClusterError as exc:
            return exc.code
        return ""

    began = time.monotonic()
    return lan.hosts["head"].within(stand), time.monotonic() - began


@pytest.fixture
def known(lan: Lan, tmp_path: Path) -> Path:
    keys = HostKeys(tmp_path / "known")
    shelf = lan.hosts["shelf"]
    kind, key = (shelf.folder / "sshd" / "host_key.pub").read_text().split()[:2]
    keys.remember(Target(shelf.address, "owner"), parse(f"x {kind} {key}").lines[0].key)
    return tmp_path / "known"


async def nothing(_session: Session) -> None:
    pass


def test_a_machine_that_is_there(lan: Lan, shelf: Machine, known: Path) -> None:
    assert outcome(lan, Target(shelf.address, "owner"), nothing, known)[0] == ""


def test_an_address_that_nobody_has(lan: Lan, known: Path) -> None:
    address = lan.router.rpartition(".")[0] + ".250"
    code, seconds = outcome(lan, Target(address, "owner"), nothing, known)
    assert code in {"ssh_unreachable", "ssh_timed_out"}
    assert seconds < 10


def test_a_network_that_no_way_leads_to(lan: Lan, known: Path) -> None:
    lan.hosts["head"].run(["ip", "route", "add", "unreachable", "198.51.100.0/24"])
    code, seconds = outcome(lan, Target("198.51.100.7", "owner"), nothing, known)
    assert (code, seconds < 10) == ("ssh_unreachable", True)


def test_a_firewall_that_says_nothing(lan: Lan, shelf: Machine, known: Path) -> None:
    shelf.cable.deaf()
    code, seconds = outcome(lan, Target(shelf.address, "owner"), nothing, known)
    assert (code, seconds < 10) == ("ssh_timed_out", True)


def test_a_port_where_nobody_listens(lan: Lan, shelf: Machine, known: Path) -> None:
    assert outcome(lan, Target(shelf.address, "owner", 2222), nothing, known)[0] == "ssh_refused"


def test_a_cable_pulled_under_a_command(lan: Lan, shelf: Machine, known: Path) -> None:
    async def pulled(session: Session) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(session.run(["sh", "-c", "while :; do echo on; sleep 0.1; done"], seconds=60))
            await asyncio.sleep(1)
            shelf.cable.pull()
            # Nothing of ours is on its way: it must be noticed by what keeps the connection alive.
            await running

    async def told(session: Session) -> None:
        try:
            await pulled(session)
        except* ClusterError as group:
            raise group.exceptions[0] from None

    began = time.monotonic()
    code, _ = outcome(lan, Target(shelf.address, "owner"), told, known)
    assert (code, time.monotonic() - began < 40) == ("ssh_broken", True)
