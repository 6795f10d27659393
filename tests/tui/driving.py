"""Runs the App without a terminal against the API process, with a clock that stands still."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual.pilot import Pilot

from cluster_ai.client import AsyncClient
from cluster_ai.core.i18n import Lang
from cluster_ai.tui.app import ClusterApp
from cluster_ai.tui.screens.live import LiveScreen
from cluster_ai.tui.screens.watching import WatchScreen
from tests.tui.api_process import TOKEN
from tests.tui.running import Api
from tests.tui.samples import cluster, moved

SMALL, LARGE = (80, 24), (120, 40)
DEADLINE = 15.0


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def make(api: Api, *, lang: Lang = "en", clock: Clock | None = None, token: str = TOKEN, **options: Any) -> ClusterApp:
    """The App on that API. It calls it by the usual address, so that pictures do not depend on a port."""
    return ClusterApp(
        lambda: AsyncClient(api.url, token=token),
        url="http://127.0.0.1:8000",
        lang=lang,
        clock=clock or Clock(),
        **options,
    )


async def until(check: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not check():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


async def settle(pilot: Pilot[None]) -> None:
    """Until everything that was asked is drawn."""
    for _ in range(3):
        await pilot.pause()


async def show(app: ClusterApp, api: Api, overview: dict[str, Any]) -> None:
    """Publishes ``overview`` and waits until the App has it."""
    before = app.session.state.newest
    api.show(overview)
    await until(lambda: app.session.state.newest is not before, "the snapshot arrives")


async def history(app: ClusterApp, api: Api, *, nodes: int = 3, length: int = 14) -> dict[str, Any]:
    """Publishes ``length`` snapshots with moving figures; answers the last."""
    overview = cluster(nodes=nodes)
    for step in range(length):
        overview = moved(overview, step)
        await show(app, api, overview)
    return overview


def screen_text(app: ClusterApp) -> str:
    """What stands on the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def live(app: ClusterApp) -> LiveScreen:
    assert isinstance(app.screen, LiveScreen)
    return app.screen


async def shown(app: ClusterApp, pilot: Pilot[None]) -> None:
    """Until an answer or a refusal is drawn."""
    screen = app.screen
    if isinstance(screen, WatchScreen):
        await until(lambda: screen.look.value is not None or screen.look.error, "an answer")
        await until(lambda: not screen._drawing, "drawn")
    await settle(pilot)


@asynccontextmanager
async def running(
    app: ClusterApp, api: Api, *, size: tuple[int, int] = SMALL, nodes: int = 3
) -> AsyncIterator[Pilot[None]]:
    """The App with its first snapshot on the screen."""
    async with app.run_test(size=size) as pilot:
        await show(app, api, cluster(nodes=nodes))
        await settle(pilot)
        yield pilot


def drive(what: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(what(), 60))  # type: ignore[arg-type]
