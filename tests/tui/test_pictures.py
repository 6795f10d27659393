"""Pictures of every screen in every state, in two sizes and two languages."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from cluster_ai.core.i18n import Lang
from cluster_ai.tui.app import ClusterApp
from tests.tui.driving import LARGE, SMALL, Clock, history, make, settle, show, until
from tests.tui.running import Api
from tests.tui.samples import cluster, empty

Prepare = Callable[[ClusterApp, Api, Clock], Awaitable[None]]
Snap = Callable[..., bool]


async def loading(app: ClusterApp, api: Api, clock: Clock) -> None:
    """Connected, and nothing came yet."""


async def live(app: ClusterApp, api: Api, clock: Clock) -> None:
    await history(app, api, nodes=12)


async def nothing_there(app: ClusterApp, api: Api, clock: Clock) -> None:
    await show(app, api, empty())


async def partial(app: ClusterApp, api: Api, clock: Clock) -> None:
    whole = cluster(nodes=0, models=[], gateway_reachable=False)
    whole["compute"] |= {"reachable": False, "error": "connection refused", "workers": []}
    whole["system"]["problems"] = ["gateway.down: the gateway does not answer", "scheduler.down: it does not answer"]
    whole["system"]["parts"][0] |= {"state": "backoff", "restarts": 3}
    whole["system"]["parts"][3] |= {"state": "failed"}
    await show(app, api, whole)


async def stale(app: ClusterApp, api: Api, clock: Clock) -> None:
    await history(app, api, nodes=12)
    clock.now += 72
    app._tick()


async def error(app: ClusterApp, api: Api, clock: Clock) -> None:
    await until(lambda: app.session.state.trouble, "the refusal arrives")


STATES: dict[str, Prepare] = {
    "loading": loading,
    "live": live,
    "empty": nothing_there,
    "partial": partial,
    "stale": stale,
    "error": error,
}
SCREENS = {
    "nodes": ["2", "down"],
    "nodes_sorted": ["2", "s", "s", "s", "s", "s", "s"],
    "nodes_filtered": ["2", "slash", "1", "2"],
    "detail": ["down", "d"],
    "help": ["question_mark"],
    "actions": ["x"],
    "confirm": ["x", "down", "enter", "n", "o", "enter"],
    "paused": ["space"],
    "light": ["T"],
    "contrast": ["T", "T"],
}


def picture(api: Api, lang: Lang, prepare: Prepare, *keys: str) -> tuple[ClusterApp, Any]:
    """The App, and what brings it to the moment of the picture."""
    clock = Clock()
    app = make(api, lang=lang, clock=clock)

    async def before(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await prepare(app, api, clock)
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    return app, before


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("lang", ["en", "pt-BR"])
@pytest.mark.parametrize("state", STATES)
def test_overview(snap_compare: Snap, api: Api, state: str, lang: Lang, size: tuple[int, int]) -> None:
    if state == "loading":
        api.script(quiet=True)
    if state == "error":
        api.script(status=401, code="unauthenticated", detail="this token is no longer good", hint="cluster-ai up")
    app, before = picture(api, lang, STATES[state])
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
@pytest.mark.parametrize("name", SCREENS)
def test_screen(snap_compare: Snap, api: Api, name: str, lang: Lang) -> None:
    app, before = picture(api, lang, live, *SCREENS[name])
    assert snap_compare(app, terminal_size=SMALL, run_before=before)


def test_nodes_large(snap_compare: Snap, api: Api) -> None:
    app, before = picture(api, "en", live, "2")
    assert snap_compare(app, terminal_size=LARGE, run_before=before)
