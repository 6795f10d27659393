"""Screens that ask the API by themselves: while they are shown, and saying what they do not know."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from cluster_ai.tui.app import ClusterApp
from cluster_ai.tui.drawing import plotted
from cluster_ai.tui.figures import bar
from cluster_ai.tui.keys import KEYS
from cluster_ai.tui.screens.detail import DetailScreen
from cluster_ai.tui.screens.events import EventsScreen
from cluster_ai.tui.screens.live import LiveScreen
from cluster_ai.tui.screens.models import ModelsScreen
from cluster_ai.tui.screens.opening import PLACES
from cluster_ai.tui.screens.plan import PlanScreen
from cluster_ai.tui.screens.tickets import TicketsScreen
from cluster_ai.tui.widgets.panel import Panel
from tests.tui.answers import ANSWERS, EVENTS, log_line, ticket
from tests.tui.driving import (
    LARGE,
    SMALL,
    Clock,
    drive,
    history,
    live,
    make,
    running,
    screen_text,
    settle,
    show,
    shown,
    until,
)
from tests.tui.running import Api
from tests.tui.samples import cluster


@asynccontextmanager
async def opened(
    app: ClusterApp,
    api: Api,
    *keys: str,
    answers: dict[str, Any] | None = None,
    nodes: int = 3,
    size: tuple[int, int] = SMALL,
) -> AsyncIterator[Pilot[None]]:
    """The screen that ``keys`` open, with what it asked for."""
    api.answers(ANSWERS if answers is None else answers)
    async with running(app, api, nodes=nodes, size=size) as pilot:
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
            await shown(app, pilot)
        yield pilot


def count(api: Api, path: str, method: str = "GET") -> int:
    return len([a for a in api.asked() if a["method"] == method and a["path"] == f"/api/v1{path}"])


def test_only_the_shown_screen_asks(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        before = count(api, "/pins")
        async with opened(app, api) as pilot:
            assert count(api, "/pins") == before
            await pilot.press("6")
            await shown(app, pilot)
            assert count(api, "/pins") == before + 1
            screen = live(app)
            assert len([w for w in screen.workers if w.node is screen and w.group == "look"]) == 1
            await pilot.press("question_mark")
            await settle(pilot)
            assert not [w for w in app.workers if w.node is screen and w.is_running], "hidden, it asks nothing"
            await pilot.press("escape")
            await until(lambda: count(api, "/pins") == before + 2, "it asks again when it is back")
            await pilot.press("r")
            await until(lambda: count(api, "/pins") == before + 3, "and when it is told to")

    drive(go)


def test_a_refusal_is_told_and_what_was_known_stays(api: Api) -> None:
    async def go() -> None:
        clock = Clock()
        app = make(api, clock=clock)
        async with opened(app, api, "6") as pilot:
            assert "1 pinned" in screen_text(app)
            clock.now += 42
            api.script(status=403, code="forbidden", detail="only operators may look")
            await pilot.press("r")
            screen = live(app)
            assert isinstance(screen, ModelsScreen)
            await until(lambda: screen.look.error, "refused")
            await until(lambda: not screen._drawing, "drawn")
            await settle(pilot)
            assert "42 s old" in screen_text(app)
            assert "1 pinned" in screen_text(app)
            assert "only operators may look"[:20] in screen_text(app)

    drive(go)


def test_models_are_loaded_on_every_node_or_on_one(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "6") as pilot:
            await pilot.press("tab", "down", "x", "down", "enter")
            await until(lambda: list(app._notifications), "told")
            asked = [a for a in api.asked() if a["path"].endswith("/load")]
            assert asked[-1]["body"] == {"nodes": ["node-02"]}
            await pilot.press("y")
            assert app.clipboard == "node-02"

    drive(go)


def test_what_a_node_refuses_is_told(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        refused = {"items": [{"node": "node-01", "error": "out of memory", "code": "no_room"}]}
        async with opened(app, api, "6", answers=ANSWERS | {"POST /models/smollm2:135m/load": refused}) as pilot:
            await pilot.press("x", "enter")
            await until(lambda: any("out of memory" in note.message for note in app._notifications), "told")

    drive(go)


def test_a_plan_opens_and_its_tickets_say_why(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "9", "d", size=LARGE) as pilot:
            assert isinstance(app.screen, PlanScreen)
            text = screen_text(app)
            assert "timeout: no answer after 60 s" in text
            assert "waits for other tickets" in text
            await pilot.press("down", "down")
            await until(lambda: "needs step-1, step-2" in screen_text(app), "the ticket under the cursor in full")
            assert "1 · worker-1 · failed" in screen_text(app)
            await pilot.press("escape")
            await settle(pilot)
            assert isinstance(app.screen, TicketsScreen)

    drive(go)


def test_pages_and_states_are_asked_for(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "9") as pilot:
            await pilot.press("n")
            await until(lambda: "nightly-51" in screen_text(app), "the second page")
            await pilot.press("n", "p")
            await until(lambda: "nightly-1 " in screen_text(app), "back, and nothing behind the last")
            await pilot.press("f", "f")
            await until(lambda: [a for a in api.asked() if a["query"].get("status") == "running"], "asked for")

    drive(go)


def test_cancelling_a_plan_asks_for_its_name_and_a_ticket_is_retried(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "9", "d") as pilot:
            await pilot.press("down", "down", "x", "enter")
            await until(lambda: count(api, "/tickets/ticket-0003/retry", "POST"), "retried")
            await pilot.press("escape")
            await settle(pilot)
            await pilot.press("x", "end", "enter", *"nightly-2", "enter")
            await settle(pilot)
            assert not count(api, "/plans/plan-0001/cancel", "POST")
            app.screen.query_one(Input).value = "nightly-1"
            await pilot.press("enter")
            await until(lambda: count(api, "/plans/plan-0001/cancel", "POST"), "cancelled")

    drive(go)


def test_a_page_of_tickets_is_drawn_cell_by_cell(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        many = {"items": [ticket(number) for number in range(1, 101)], "next": "two"}
        async with opened(app, api, "9", "d", answers=ANSWERS | {"/tickets": many}) as pilot:
            table = live(app).query_one("#panel-tickets", Panel).table
            rows = dict(table.rows)
            many["items"][49]["progress"] = 0.9
            api.answers(ANSWERS | {"/tickets": many})
            await pilot.press("r")
            await until(lambda: "90" in table.get_row("ticket-0050")[4].cell.text, "changed")
            assert all(table.rows[key] is row for key, row in rows.items())

    drive(go)


def test_objectives_show_what_is_left_and_freezes(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "8") as pilot:
            text = screen_text(app)
            assert "███████░  82 %" in text
            assert "█████ 20.0x" in text
            assert "pulls updates" in text
            await pilot.press("x", "enter")
            await until(lambda: count(api, "/budgets/calls/recalculate", "POST"), "asked")

    drive(go)


def test_events_come_live_and_wait_while_paused(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "0") as pilot:
            screen = live(app)
            assert isinstance(screen, EventsScreen)
            before = len(screen.seen)
            for topic, data in EVENTS:
                api.publish(topic, data)
            await until(lambda: "plan.failed" in screen_text(app), "shown")
            await pilot.press("space")
            api.publish(
                "events", {"at": 1.0, "kind": "node.state", "subject": "node-77", "before": "", "after": "down"}
            )
            await until(lambda: len(screen.seen) == before + 4, "it is gathered")
            await until(lambda: not screen._drawing, "and not drawn")
            assert "node-77" not in screen_text(app)
            await pilot.press("space")
            await settle(pilot)
            assert "node-77" in screen_text(app)
            await pilot.press("slash", *"plan.f", "enter")
            await settle(pilot)
            assert "node-77" not in live(app).query_one(Panel).table._row_locations
            assert live(app).query_one(Panel).table.row_count == 1

    drive(go)


def test_who_may_not_list_plans_still_hears_of_the_cluster(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api) as pilot:
            api.script(forbidden_topics=["plan"])
            await pilot.press("0")
            await until(lambda: [a for a in api.asked() if a["query"].get("topics") == "events"], "asked for less")
            subject = "node-78"
            api.publish("events", {"at": 1.0, "kind": "node.state", "subject": subject, "before": "", "after": "down"})
            await until(lambda: subject in screen_text(app), "shown")

    drive(go)


def test_logs_follow_and_narrow_to_a_level(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "5") as pilot:
            assert "node-03 does not answer" in screen_text(app)
            asked = [a for a in api.asked() if a["path"] == "/api/v1/logs/tail"]
            assert asked[-1]["query"] == {"q": "level:info", "after": "3"}
            api.publish("log", log_line(4, "info", "a new line"))
            await until(lambda: "a new line" in screen_text(app), "as it comes")
            await pilot.press("f")
            await until(lambda: any(a["query"].get("q") == "level:warning" for a in api.asked()), "only what is worse")
            await shown(app, pilot)
            await pilot.press("down")
            await until(lambda: "attempt=2" in screen_text(app), "the line under the cursor with its fields")
            await pilot.press("y")
            assert app.clipboard.endswith("retrying at another node\nattempt=2")

    drive(go)


def test_a_decision_shows_all_its_candidates(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "7") as pilot:
            assert "● node-02: resident · queue=0.00 load=0.12" in screen_text(app)
            assert "✕ node-03: connection refused" in screen_text(app)
            await pilot.press("down")
            await until(lambda: "✕ node-03: timed out" in screen_text(app), "the other one")

    drive(go)


def test_the_tree_shows_links_that_are_down_and_opens_nodes(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "t", size=LARGE) as pilot:
            text = screen_text(app)
            assert "│  ┣━━ node-02" in text
            assert "│  ┗╌╌ node-03" in text
            assert "┗━━ machines 2" in text
            assert "   ┗╌╌ attic" in text
            await pilot.press("down", "down", "y", "d")
            assert app.clipboard == "node-01"
            await until(lambda: isinstance(app.screen, DetailScreen), "the node")
            assert "http://192.168.1.11:11434" in screen_text(app)
            await pilot.press("escape")
            whole = cluster(nodes=3, gateway_reachable=False)
            await show(app, api, whole)
            await settle(pilot)
            assert "┣╌╌ gateway" in screen_text(app)

    drive(go)


def test_metrics_draw_the_snapshots_and_have_no_tables(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api, "m") as pilot:
            assert "██████████████" in screen_text(app)
            await history(app, api, length=6)
            await settle(pilot)
            assert set(screen_text(app)) & {chr(code) for code in range(0x2801, 0x2900)}
            await pilot.press("s", "S", "y", "slash", "f", "n", "d", "x", "escape")
            await settle(pilot)
            assert isinstance(app.screen, LiveScreen)

    drive(go)


def test_every_screen_opens_by_its_keys_in_both_languages(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with opened(app, api) as pilot:
            for key in [key for key in KEYS if key.action.startswith("open")]:
                for name in key.names.split(","):
                    await pilot.press(name)
                    wanted = PLACES[key.action.split("'")[1]]
                    await until(lambda wanted=wanted: type(app.screen).__name__ == wanted, name)
                    await settle(pilot)
                before = app.screen
                if isinstance(app.focused, Input):  # letters are text there
                    await pilot.press("escape")
                await pilot.press("L")
                await until(
                    lambda before=before: app.screen is not before,
                    f"made again {key.names} {app.session.lang} {app.screen_stack}",
                )
                await shown(app, pilot)
                assert type(app.screen) is type(before)
            assert len(app.screen_stack) == 2

    drive(go)


def test_a_line_of_dots_goes_from_corner_to_corner() -> None:
    assert plotted([0, 1, 2, 3], width=2, height=1, top=3) == ["⣠⠞"]
    assert plotted([5], width=3, height=2, top=0) == ["   ", "  ⢀"]
    assert plotted([], width=2, height=1, top=1) == ["  "]
    assert plotted([1.0], width=0, height=0, top=1) == []
    assert (bar(-1, 4), bar(0.5, 4), bar(7, 4)) == ("░░░░", "██░░", "████")
