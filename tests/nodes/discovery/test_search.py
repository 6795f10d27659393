"""How a search goes: gently, to an end, and away when nobody waits for it any more."""

import asyncio
import time
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from random import Random
from socket import create_server

import pytest

from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.finds import Members
from cluster_ai.nodes.discovery.looks import Patience
from cluster_ai.nodes.discovery.scan import Limits, State, in_no_order, ports_of, sweep
from cluster_ai.nodes.discovery.scanning import Manner
from cluster_ai.nodes.discovery.service import Wish, discovering
from cluster_ai.nodes.discovery.ssh_config import Named
from cluster_ai.nodes.discovery.subnets import OwnNetwork, Scope
from cluster_ai.nodes.discovery.types import Ended, Event, Found, How, Progress, Why
from tests.nodes.discovery.scripted import pages, says, talking

pytestmark = pytest.mark.anyio
LOOPBACK = Scope(
    (OwnNetwork("test", IPv4Address("127.9.9.1"), IPv4Network("127.9.9.0/28")),), (), frozenset({"127.9.9.1"})
)
NOWHERE = Scope((), (), frozenset())
QUICK = Manner(Limits(at_once=8, seconds=0.3), Patience(question=0.5, port=2.0))


async def unnamed(_address: str) -> str:
    return ""


def nobody() -> Mapping[str, str]:
    return {}


def around(scope: Scope, **more: object) -> Around:
    return Around(scope, Members(), Random(7), neighbours=nobody, name_of=unnamed, **more)  # type: ignore[arg-type]


async def everything(place: Around, wish: Wish) -> list[Event]:
    async with discovering(place, wish) as events:
        return [event async for event in events]


async def test_ports_are_knocked_at_a_few_at_a_time() -> None:
    async with talking(says(b"")) as one:
        knocked: list[State] = []
        places = [("127.0.0.1", one.port)] * 200
        await sweep(places, lambda _place, state: knocked.append(state), Limits(at_once=4, seconds=2))
        assert knocked == [State.OPEN] * 200
        assert one.most <= 4 + 3, "those that just ended may not be counted out yet"


async def test_closed_and_silent_are_told_apart() -> None:
    told: dict[tuple[str, int], State] = {}
    with create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        await sweep([("127.0.0.1", port)], told.__setitem__)
    await sweep([("127.0.0.1", port), ("192.0.2.77", 22)], lambda place, state: told.update({place: state}))
    assert told == {("127.0.0.1", port): State.CLOSED, ("192.0.2.77", 22): State.SILENT}


def test_no_host_is_knocked_at_again_and_again() -> None:
    addresses = [f"10.0.0.{n}" for n in range(50)]
    places = in_no_order(addresses, range(1, 21), Random(1))
    assert sorted(places) == sorted((address, port) for address in addresses for port in range(1, 21))
    runs = sum(places[n][0] == places[n + 1][0] for n in range(len(places) - 1))
    assert runs < 60, "by chance one in fifty follows itself"


@pytest.mark.parametrize(
    ("text", "ports"),
    [("22", (22,)), ("80, 22", (80, 22)), ("8000-8003,8001", (8000, 8001, 8002, 8003)), ("65535", (65_535,))],
)
def test_lists_of_ports(text: str, ports: tuple[int, ...]) -> None:
    assert ports_of(text) == ports


@pytest.mark.parametrize("text", ["", "0", "65536", "22-", "-22", "a", "9-8", "22,,23", "\u0662\u0662", "1-99999"])
def test_what_is_no_list_of_ports(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        ports_of(text)


async def test_a_thousand_ports_with_services_among_them() -> None:
    async with pages({}) as first, talking(says(b"SSH-2.0-x\r\n")) as second:
        low = min(first.port, second.port)
        ports = tuple(sorted({*range(low, low + 1100), first.port, second.port}))
        began = time.monotonic()
        found = await everything(around(NOWHERE), Wish(ports=ports, hosts=("127.0.0.1",), manner=QUICK))
        assert time.monotonic() - began < 30
    last = [event for event in found if isinstance(event, Found)][-1]
    assert {first.port, second.port} <= {service.port for service in last.services}
    assert isinstance(found[-1], Ended)
    progress = [event for event in found if isinstance(event, Progress)]
    assert progress[-1].done == progress[-1].total == len(ports)


async def test_only_who_is_there_is_asked_further() -> None:
    """Of fifteen addresses all refuse; they are asked on, and each port once."""
    events = await everything(around(LOOPBACK), Wish(ports=(22, 9, 10), names=False, mdns_seconds=0, manner=QUICK))
    stages = {event.stage: event.total for event in events if isinstance(event, Progress)}
    assert stages == {"alive": 13, "ports": 26}


async def test_names_lead_to_machines() -> None:
    async def address_of(name: str) -> str:
        return {"near": "127.0.0.1", "far": "203.0.113.5"}.get(name, "")

    async with talking(says(b"SSH-2.0-OpenSSH_9\r\n")) as one:
        named = (
            Named("a", "near", "ana", one.port),
            Named("b", "far"),
            Named("c", "unknown"),
            Named("d", "near", jump="a"),
            Named("e", "near", proxy_command=True),
        )
        place = around(NOWHERE, named=named, address_of=address_of)
        events = await everything(place, Wish(networks=False, mdns_seconds=0, manner=QUICK))
    found = {event.names[0]: event for event in events if isinstance(event, Found)}
    assert (found["a"].usable, found["a"].how) == (True, (How.SSH_CONFIG,))
    assert found["b"].why_not is Why.BEYOND_LAN
    assert found["c"].why_not is Why.NAME_UNKNOWN
    assert found["d"].usable
    assert found["e"].why_not is Why.PROXY_COMMAND


async def test_leaving_ends_the_search() -> None:
    before = asyncio.all_tasks()
    many = Wish(ports=tuple(range(1, 20_000)), hosts=("192.0.2.77",), manner=QUICK)
    began = time.monotonic()
    async with discovering(around(NOWHERE), many) as events:
        async for _ in events:
            break
    assert time.monotonic() - began < 10
    assert asyncio.all_tasks() == before


async def test_no_multicast_is_told_and_ends_nothing() -> None:
    async with talking(says(b"SSH-2.0-x\r\n")) as one:
        named = (Named("a", "127.0.0.1", port=one.port),)
        events = await everything(around(NOWHERE, named=named), Wish(networks=False, mdns_seconds=1, manner=QUICK))
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.found, list(ended.problems)) == (1, ["mdns"])
