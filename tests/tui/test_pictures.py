"""Pictures of every screen in every state, in two sizes and two languages."""

import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet
from textual.pilot import Pilot
from textual.widgets import Input

from cluster_ai.core.i18n import Lang
from cluster_ai.tui.app import ClusterApp
from cluster_ai.tui.screens.chat import ChatScreen
from cluster_ai.tui.screens.events import EventsScreen
from tests.tui.answers import ANSWERS, EVENTS
from tests.tui.driving import LARGE, SMALL, Clock, history, make, settle, show, shown, until
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


ASKING = {
    "models": ["6"],
    "tickets": ["9"],
    "plan": ["9", "d", "down", "down"],
    "slos": ["8"],
    "logs": ["l", "down"],
    "routing": ["7"],
    "metrics": ["m"],
    "topology": ["t"],
}
"""Screens that ask for more than the snapshot, and the keys that open them."""


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are those of the terminal's zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


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
            await shown(app, pilot)

    return app, before


def half(names: Collection[str], langs: Sequence[str] = ("en", "pt-BR")) -> list[ParameterSet]:
    """Each name in both languages, one of which is for the long run: a picture takes more than a second."""
    return [
        pytest.param(name, lang, marks=() if (at + turn) % 2 == 0 else pytest.mark.slow, id=f"{name}-{lang}")
        for at, name in enumerate(names)
        for turn, lang in enumerate(langs)
    ]


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize(("state", "lang"), half(STATES))
def test_overview(snap_compare: Snap, api: Api, state: str, lang: Lang, size: tuple[int, int]) -> None:
    if state == "loading":
        api.script(quiet=True)
    if state == "error":
        api.script(status=401, code="unauthenticated", detail="this token is no longer good", hint="cluster-ai up")
    app, before = picture(api, lang, STATES[state])
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize(("name", "lang"), half(SCREENS))
def test_screen(snap_compare: Snap, api: Api, name: str, lang: Lang) -> None:
    app, before = picture(api, lang, live, *SCREENS[name])
    assert snap_compare(app, terminal_size=SMALL, run_before=before)


def test_nodes_large(snap_compare: Snap, api: Api) -> None:
    app, before = picture(api, "en", live, "2")
    assert snap_compare(app, terminal_size=LARGE, run_before=before)


@pytest.mark.parametrize(("lang", "size"), [("pt-BR", SMALL), ("en", LARGE)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", ASKING)
def test_screen_that_asks(snap_compare: Snap, api: Api, name: str, lang: Lang, size: tuple[int, int]) -> None:
    api.answers(ANSWERS)
    app, before = picture(api, lang, live, *ASKING[name])
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_what_is_not_known_says_why(snap_compare: Snap, api: Api) -> None:
    """No answer for the screen, while the snapshot goes on."""
    api.answers({"/pins": {"items": "nothing that fits"}})
    app, before = picture(api, "en", live, "6")
    assert snap_compare(app, terminal_size=SMALL, run_before=before)


@pytest.mark.parametrize(("lang", "size"), [("pt-BR", SMALL), ("en", LARGE)], ids=["80x24", "120x40"])
def test_events(snap_compare: Snap, api: Api, lang: Lang, size: tuple[int, int]) -> None:
    app, before = picture(api, lang, live, "0")

    async def with_events(pilot: Pilot[None]) -> None:
        await before(pilot)
        screen = app.screen
        assert isinstance(screen, EventsScreen)
        screen.seen.clear()
        for topic, data in EVENTS:
            api.publish(topic, data)
        await until(lambda: len(screen.seen) == len(EVENTS), "the events arrive")
        await until(lambda: not screen._drawing, "drawn")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=with_events)


@pytest.mark.parametrize(("lang", "size"), [("pt-BR", SMALL), ("en", LARGE)], ids=["80x24", "120x40"])
def test_chat(snap_compare: Snap, api: Api, lang: Lang, size: tuple[int, int]) -> None:
    """An answer, and a question that none has yet."""
    said = "Home labs are small data centres, in a corner of the living room mostly. " * 2
    api.script(chat=[{"message": {"content": said}}, {"done": True, "eval_count": 30, "eval_duration": 10**9}])
    app, before = picture(api, lang, live, "c", *"What?", "enter")

    async def with_talk(pilot: Pilot[None]) -> None:
        await before(pilot)
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        await until(lambda: not screen.talk.is_writing, "the answer")
        api.script(chat=[{}])
        await pilot.press(*"More", "enter")
        await until(lambda: len(screen.talk.turns) == 2 and not screen._drawing, "the second question is drawn")
        screen.query_one("#ask", Input).cursor_blink = False
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=with_talk)
