"""A found service in the registry: it lives as long as it answers, and nobody else beats for it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.discovery import keeping
from cluster_ai.nodes.discovery.errors import NotToBeTaken, TooManyTaken
from cluster_ai.nodes.discovery.keeping import Keeper
from cluster_ai.nodes.discovery.taking import LEASE, Taken, taken
from cluster_ai.nodes.discovery.types import Kind, Service
from cluster_ai.registry.service import Claim, Means, Registry
from cluster_ai.registry.types import IdTaken, Instance, Query, State
from tests.nodes.discovery.scripted import page, pages, says, talking

pytestmark = pytest.mark.anyio
AT = "127.0.0.1"
ANN = Claim("ann")


@dataclass
class World:
    """A registry and a keeper, and the time of both."""

    seconds: float = 100.0
    registry: Registry = field(init=False)
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self.registry = Registry(Means(lambda: self.seconds, lambda: self.seconds, lambda: "drawn-id"))
        self.keeper = Keeper(self.registry, clock=lambda: self.seconds)

    def take(self, port: int, **more: Any) -> Instance:
        service = Service(port=port, **({"kind": Kind.OLLAMA, "name": "Ollama"} | more))
        return self.keeper.take(taken(AT, service, name=None, owner="ann"))

    async def after(self, seconds: float) -> None:
        """So much later, with a look whenever one is due."""
        for _ in range(round(seconds / keeping.SECONDS)):
            for _ in range(round(keeping.SECONDS)):
                self.seconds += 1.0
                self.registry.reap(self.seconds)
            await self.keeper.tick()

    def instances(self) -> dict[str, State]:
        return {one.id: one.state for one in self.registry.list(Query())}


def ollama(*models: str) -> dict[str, bytes]:
    listed = json.dumps({"models": [{"name": name} for name in models]})
    return {
        "GET /": page("Ollama is running", kind="text/plain"),
        "GET /api/version": page('{"version":"0.12.6"}'),
        "GET /api/tags": page(listed),
    }


@asynccontextmanager
async def again(port: int, answers: dict[str, bytes]) -> AsyncIterator[None]:
    """A server at a port that another one had."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            line = (await reader.readuntil(b"\r\n\r\n")).partition(b" HTTP/")[0].decode()
            writer.write(answers.get(line, page("{}", status=404)))
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, AT, port):
        yield


async def test_it_is_described_by_what_was_found() -> None:
    world = World()
    found = {"version": "0.12.6", "models": ("smollm2:135m", "bad name \u2603")}
    made = world.take(11434, **found)
    assert (made.id, made.kind, made.name, made.owner) == (
        "found:127.0.0.1:11434",
        "engine",
        "Ollama@127.0.0.1:11434",
        "ann",
    )
    assert (made.url, made.version, made.lease_seconds) == ("http://127.0.0.1:11434", "0.12.6", LEASE)
    assert made.capabilities == {"ollama", "model:smollm2:135m"}, "a name that nobody could ask for is left out"
    assert made.labels == {"found"}


@pytest.mark.parametrize(
    ("service", "kind", "url"),
    [
        (Service(port=1, kind=Kind.OPENAI, tls=True), "engine", "https://127.0.0.1:1"),
        (Service(port=2, kind=Kind.AGENT, name="Planner"), "agent", "http://127.0.0.1:2"),
        (Service(port=3, kind=Kind.MCP, name="files"), "tools", "http://127.0.0.1:3/mcp"),
        (Service(port=4, kind=Kind.WEBSOCKET), "service", "ws://127.0.0.1:4"),
        (Service(port=5, kind=Kind.DATABASE, name="Redis"), "database", ""),
        (
            Service(port=6, kind=Kind.WEB, name="<b>\u202e\u2603 A wiki!</b>" + "x" * 200),
            "service",
            "http://127.0.0.1:6",
        ),
    ],
)
async def test_kinds_of_instances(service: Service, kind: str, url: str) -> None:
    made = World().keeper.take(taken(AT, service, name=None, owner="ann"))
    assert (made.kind, made.url, made.port) == (kind, url, service.port)


@pytest.mark.parametrize(
    "kind", [Kind.SSH, Kind.TLS, Kind.OTHER, Kind.CLUSTER_HEAD, Kind.CLUSTER_MACHINE, Kind.CLUSTER_GATEWAY]
)
def test_what_is_no_service(kind: Kind) -> None:
    with pytest.raises(NotToBeTaken):
        taken(AT, Service(port=22, kind=kind), name=None, owner="ann")


async def test_it_lives_as_long_as_it_answers_and_tells_what_it_has_now() -> None:
    world = World()
    async with pages(ollama("a:1b", "b:2b")) as one:
        made = world.take(one.port, models=("a:1b",))
        await world.after(3 * LEASE)
        now = world.registry.get(made.id)
        assert (now.state, now.version) == (State.HEALTHY, "0.12.6")
        assert now.capabilities == {"ollama", "model:a:1b", "model:b:2b"}
        assert now.owner == "ann"


async def test_what_falls_silent_is_unreachable_then_gone_and_comes_back_by_itself() -> None:
    world = World()
    async with pages(ollama()) as one:
        made = world.take(one.port)
        await world.after(LEASE)
        port = one.port
    await world.after(2 * LEASE)
    assert world.instances() == {made.id: State.UNREACHABLE}
    await world.after(6 * LEASE)
    assert world.instances() == {}
    assert world.keeper.ids() == {made.id}
    async with again(port, ollama()):
        await world.after(keeping.SECONDS)
    assert world.instances() == {made.id: State.HEALTHY}


async def test_something_else_at_its_port_is_not_it() -> None:
    world = World()
    async with talking(says(b"SSH-2.0-x\r\n")) as one:
        made = world.take(one.port)
        await world.after(keeping.SECONDS)
        assert world.instances() == {made.id: State.DEGRADED}


async def test_who_ends_the_instance_ends_the_looking() -> None:
    world = World()
    async with pages(ollama()) as one:
        made = world.take(one.port)
        await world.after(LEASE)
        world.registry.deregister(made.id, ANN)
        await world.after(10 * LEASE)
    assert (world.instances(), world.keeper.ids()) == ({}, frozenset())


async def test_who_ends_one_that_is_silent_ends_the_looking_too() -> None:
    world = World()
    async with pages(ollama()) as one:
        made = world.take(one.port)
    await world.after(2 * LEASE)
    world.registry.deregister(made.id, ANN)
    await world.after(keeping.SECONDS)
    assert world.keeper.ids() == frozenset()


async def test_taken_twice_is_one_and_anothers_stays_anothers() -> None:
    world = World()
    service = Service(port=9, kind=Kind.OLLAMA)
    assert world.take(9).id == world.take(9).id
    with pytest.raises(IdTaken):
        world.keeper.take(taken(AT, service, name=None, owner="ben"))
    world.keeper.take(Taken(AT, service, "of-the-house", "admin"), over_all=True)
    assert len(world.instances()) == 1


async def test_not_more_than_can_be_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_TAKEN", 2)
    world = World()
    for port in (1, 2, 1):
        world.take(port)
    with pytest.raises(TooManyTaken) as refused:
        world.take(3)
    assert isinstance(refused.value, ClusterError)
    assert refused.value.hint
