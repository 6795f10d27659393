"""The notify room on both databases, by a clock and chance of the test's own, and a real receiver beside it."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core import outbox
from cluster_ai.core.db import Database, open_database
from cluster_ai.core.events import Event
from cluster_ai.notify.chance import Chance
from cluster_ai.notify.given import Around, Given
from cluster_ai.notify.making import Notify, made
from cluster_ai.notify.types import NewEndpoint, NotifySettings, Outcome


@dataclass
class Heard:
    """One request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    answered: int = 0

    @property
    def said(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


@dataclass
class Receiver:
    """A real server on loopback. ``status`` and ``headers`` are what it answers; tests set them."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str = "thanks"
    draw: Callable[[], int] | None = None
    """Draws the status of each answer."""
    heard: list[Heard] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """Answers wait for it."""
    open: int = 0

    @property
    def origin(self) -> str:
        return "/".join(self.url.split("/")[:3])

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        status = self.draw() if self.draw else self.status
        self.heard.append(Heard(request.path, {k.lower(): v for k, v in request.headers.items()}, body, status))
        self.open += 1
        try:
            if self.hold is not None:
                await self.hold.wait()
        finally:
            self.open -= 1
        return web.Response(status=status, text=self.text, headers=self.headers)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver._take)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        if receiver.hold is not None:
            receiver.hold.set()
        await runner.cleanup()


async def met(check: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Waits for what other tasks do; only what never happens takes so long."""
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.01)


@dataclass
class Desk:
    """``now`` is the clock; moving it is the test's business."""

    url: str
    secrets: Path
    now: float = 1_800_000_000.0
    drawn: Any = field(default_factory=lambda: itertools.count(1))
    told: list[Event] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    refuse: Exception | None = None
    """What the waiting ticket answers with."""

    def chance(self) -> Chance:
        return Chance(
            now=lambda: self.now,
            new_id=lambda: f"id-{next(self.drawn):05}",
            random=lambda size: next(self.drawn).to_bytes(size),
            draw=lambda: 0.5,
        )

    async def completed(self, _connection: AsyncConnection, outcome: Outcome) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.outcomes.append(outcome)

    def given(self, *allowed: str, **more: Any) -> Given:
        return Given(self.secrets, self.chance(), NotifySettings(allow=allowed, **more), cluster="lab")

    @property
    def around(self) -> Around:
        return Around(self.told.append, self.completed)

    @asynccontextmanager
    async def opened(self, *allowed: str, **more: Any) -> AsyncIterator[tuple[Notify, Database]]:
        async with opened_with(self, self.given(*allowed, **more)) as opened:
            yield opened

    def event(self, kind: str = "ticket.failed", **data: Any) -> Event:
        return Event(f"event-{next(self.drawn):05}", kind, "ticket-1", data, self.now)

    async def happen(self, database: Database, *events: Event) -> None:
        async with database.transaction() as connection:
            await outbox.add_all(connection, events)


@asynccontextmanager
async def opened_with(desk: Desk, given: Given) -> AsyncIterator[tuple[Notify, Database]]:
    """The room with something of the test's own."""
    async with open_database(desk.url, on_fatal=pytest.fail) as database, AsyncExitStack() as stack:
        yield await made(database, given, desk.around, stack), database


@dataclass
class Scene:
    """Everything of one story."""

    desk: Desk
    room: Notify
    database: Database
    receiver: Receiver

    async def add(self, *events: str, **more: Any) -> str:
        wanted = NewEndpoint(**({"url": self.receiver.url, "events": list(events) or ["*"]} | more))
        return (await self.room.webhooks.add(wanted)).endpoint.id

    async def happen(self, *kinds: str, **data: Any) -> list[Event]:
        happened = [self.desk.event(kind, **data) for kind in kinds]
        await self.desk.happen(self.database, *happened)
        await self.room.fanout.tick()
        return happened

    async def round(self) -> int:
        """Attempts of all that is due, to their end."""
        begun = await self.room.outbound.tick()
        await self.room.outbound.idle()
        return begun


Story = Callable[[Scene], Awaitable[None]]


@pytest.fixture
def desk(url: str, tmp_path: Path) -> Desk:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    return Desk(url, folder)


@pytest.fixture
def tell(desk: Desk) -> Callable[[Story], None]:
    """Plays a story with the room, its database and one receiver that an administrator lists."""

    def play(story: Story) -> None:
        async def run() -> None:
            async with receiving() as receiver, desk.opened(receiver.origin) as (room, database):
                await story(Scene(desk, room, database, receiver))

        asyncio.run(run())

    return play
