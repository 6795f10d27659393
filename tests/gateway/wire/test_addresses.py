"""Where a connection leads: addresses of both kinds, names, certificates, and the words for what goes wrong."""

import asyncio
import ssl
from typing import Any

import pytest
import trustme

from cluster_ai.gateway.nodes.reasons import reason_of
from cluster_ai.gateway.wire.client import Wire, open_wire
from cluster_ai.gateway.wire.connection import Connection
from cluster_ai.gateway.wire.errors import NoConnection
from cluster_ai.gateway.wire.lan import Lan
from cluster_ai.gateway.wire.names import Names, Origin, target_of
from tests.chaos.fault_proxy import FaultProxy
from tests.gateway.wire.scripted import ANSWERS, BODY, Line, script, turns, whole
from tests.ports import free_port

pytestmark = [pytest.mark.real, pytest.mark.anyio]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_both_kinds_of_address(host: str) -> None:
    seen = []

    async def talk(line: Line) -> None:
        seen.append(await line.request())
        await line.say(ANSWERS["length"])

    async with script(talk, host=host) as node, open_wire(connect_seconds=1) as wire:
        assert (await whole(wire, node.url))[1] == BODY
        assert node.url.split("/")[2].encode() in seen[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_name_stands_for_all_its_addresses(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with script(lambda line: line.answer(ANSWERS["closed"]), host=host) as node:
        port = int(node.url.rpartition(":")[2].split("/")[0])
        asked = resolving(monkeypatch, {"tower.home": ["::1", "127.0.0.1"]})
        async with open_wire(connect_seconds=1) as wire:
            for _ in range(3):
                assert (await whole(wire, f"http://tower.home:{port}/"))[1] == BODY
    assert asked == ["tower.home"], "the answer is remembered for a while"


def resolving(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> list[str]:
    """This loop's names, no other's; answers the list of what was asked."""
    asked: list[str] = []
    loop = asyncio.get_running_loop()

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in names[host]]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    return asked


async def test_address_that_answered_is_the_first_to_be_tried() -> None:
    names, origin = Names(), Origin("localhost", 80, is_tls=False)
    found = list(await names.addresses(origin))
    names.answered(origin, found[-1])
    names.answered(origin, "192.0.2.1")
    assert (await names.addresses(origin))[0] == found[-1]
    assert sorted(await names.addresses(origin)) == sorted(found)


async def test_silent_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, tried = Wire._connect, []

    async def connect(self: Wire, origin: Origin, address: str, seconds: float) -> Connection:
        tried.append(address)
        return await usual(self, origin, address, seconds)

    monkeypatch.setattr(Wire, "_connect", connect)
    async with FaultProxy(1) as silent:
        await silent.listen("blackhole")
        async with script(lambda line: line.answer(ANSWERS["closed"]), host="::1", port=silent.port):
            resolving(monkeypatch, {"tower.home": ["127.0.0.1", "::1"]})
            async with open_wire(connect_seconds=0.4) as wire:
                assert (await whole(wire, f"http://tower.home:{silent.port}/"))[1] == BODY
                assert (await whole(wire, f"http://tower.home:{silent.port}/"))[1] == BODY
    assert tried == ["127.0.0.1", "::1", "::1"], "the address that answered is asked first"


async def test_nobody_listens() -> None:
    async with open_wire(connect_seconds=1) as wire:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(NoConnection) as caught:
                await whole(wire, f"http://{host}:{free_port()}/")
            assert reason_of(caught.value) == "connection refused"


async def test_nobody_has_that_name() -> None:
    async with open_wire(connect_seconds=5) as wire:
        with pytest.raises(NoConnection, match=r"the name nobody\.invalid is not known"):
            await whole(wire, "http://nobody.invalid:1/")


async def test_machine_that_calls_itself_what_no_name_can_be_is_tried_elsewhere() -> None:
    async with script(lambda line: line.answer(ANSWERS["closed"]), host="127.0.0.1") as node:
        port = int(node.url.rpartition(":")[2].split("/")[0])
        lan = Lan(addresses={"tower.home": ("a..b", "x" * 80, "127.0.0.1"), "attic.home": ("a..b",)})
        async with open_wire(connect_seconds=5, lan=lan) as wire:
            assert (await whole(wire, f"http://tower.home:{port}/"))[1] == BODY
            with pytest.raises(NoConnection, match="that is no address"):
                await whole(wire, f"http://attic.home:{port}/")


async def test_reasons_are_a_few_words() -> None:
    async def talk(line: Line) -> None:
        await line.request()
        if line.number == 2:
            await line.say(ANSWERS["length"][:-1])
        line.end("rst" if line.number == 3 else "fin")

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        for words in (
            "the connection was closed without an answer",
            "the connection was closed in the middle of the answer",
            "connection reset by peer",
        ):
            with pytest.raises(OSError) as caught:
                await whole(wire, node.url)
            assert reason_of(caught.value) == words


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(made)
    return made


def trusting(wire: Wire, authority: trustme.CA) -> None:
    wire._tls = ssl.create_default_context()
    authority.configure_trust(wire._tls)


async def test_tls_is_kept_and_closed_like_any_other(authority: trustme.CA) -> None:
    async with (
        script(lambda line: line.answer(ANSWERS["chunked"]), tls=context(authority, "127.0.0.1")) as node,
        open_wire(connect_seconds=5) as wire,
    ):
        trusting(wire, authority)
        for _ in range(3):
            assert (await whole(wire, node.url, b"x" * 100_000))[1] == BODY
        assert node.connections == 1
        await wire.close()
        await turns(lambda: not node.open)


@pytest.mark.parametrize("fault", ["unknown authority", "another name"])
async def test_certificate_must_be_right(authority: trustme.CA, fault: str) -> None:
    name = "other.home" if fault == "another name" else "127.0.0.1"
    complaints: list[Any] = []
    # The server's side of a refused handshake is the server's own to complain of.
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    async with (
        script(lambda line: line.left(), tls=context(authority, name)) as node,
        open_wire(connect_seconds=5) as wire,
    ):
        if fault == "another name":
            trusting(wire, authority)
        with pytest.raises(NoConnection, match="its certificate is not trusted: "):
            await whole(wire, node.url)


async def test_server_without_tls_is_told_apart() -> None:
    refusal = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    async with script(lambda line: line.say(refusal)) as node, open_wire(connect_seconds=5) as wire:
        with pytest.raises(NoConnection, match=r"^no TLS: "):
            await whole(wire, node.url.replace("http:", "https:"))


def test_ports_that_go_without_saying() -> None:
    assert target_of("http://node/").origin == Origin("node", 80, is_tls=False)
    assert target_of("https://node").origin == Origin("node", 443, is_tls=True)
    assert target_of("https://node").head.startswith("POST / HTTP/1.1\r\nHost: node\r\n")
    assert target_of("http://[::1]:9/a").origin == Origin("::1", 9, is_tls=False)
