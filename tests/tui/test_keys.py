"""Each key does what the help says."""

from typing import Any

import pytest
from textual.events import Key
from textual.widgets import DataTable, Input, OptionList

from cluster_ai.tui.keys import KEYS
from cluster_ai.tui.screens.asking import ChooseAction, Confirm
from cluster_ai.tui.screens.detail import DetailScreen
from cluster_ai.tui.screens.help import HelpScreen
from cluster_ai.tui.screens.nodes import NodesScreen
from cluster_ai.tui.screens.overview import OverviewScreen
from cluster_ai.tui.widgets.panel import Panel
from tests.tui.driving import drive, live, make, running, screen_text, settle, show, until
from tests.tui.running import Api
from tests.tui.samples import cluster


def test_screens_open_and_close(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            for key, kind in [
                ("2", NodesScreen),
                ("d", DetailScreen),
                ("d", DetailScreen),
                ("escape", NodesScreen),
                ("o", OverviewScreen),
                ("enter", DetailScreen),
                ("1", OverviewScreen),
                ("question_mark", HelpScreen),
                ("escape", OverviewScreen),
            ]:
                await pilot.press(key)
                await settle(pilot)
                assert isinstance(app.screen, kind), (key, app.screen)
            assert len(app.screen_stack) == 2

    drive(go)


def test_filter_keeps_what_matches_until_escape(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=12) as pilot:
            table = live(app).query_one("#panel-nodes", Panel).table
            await pilot.press("slash", *"NODE-1")
            await settle(pilot)
            assert table.keys == ["node-10", "node-11", "node-12"]
            app.simulate_key("enter")
            app.simulate_key("d")
            await until(lambda: isinstance(app.screen, DetailScreen), "what is typed ahead is no part of the filter")
            await pilot.press("escape")
            await show(app, api, cluster(nodes=11))
            await settle(pilot)
            assert table.keys == ["node-10", "node-11"]
            await pilot.press("escape")
            await settle(pilot)
            assert len(table.keys) == 11

    drive(go)


def test_filter_that_matches_nothing_says_so(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            await pilot.press("slash", *"zzz")
            await settle(pilot)
            assert "Nothing matches “zzz”" in screen_text(app)

    drive(go)


def test_sort_goes_through_the_columns_and_back(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=5) as pilot:
            panel = live(app).query_one("#panel-nodes", Panel)
            await pilot.press("s", "s")
            assert panel.table.keys[0] == "node-03", "the worst state first"
            await pilot.press("s", "s", "s", "s")
            assert panel.table.keys == ["node-05", "node-04", "node-02", "node-01", "node-03"] or (
                panel.table.keys[0] == "node-03"
            )
            await pilot.press("S")
            first = panel.table.keys[0]
            assert first == "node-01"
            await pilot.press("s", "s", "s")
            assert panel.table.keys == [f"node-0{number}" for number in range(1, 6)]

    drive(go)


def test_cursor_stays_with_its_row(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=6) as pilot:
            table = live(app).query_one("#panel-nodes", Panel).table
            await pilot.press("down", "down", "down")
            assert table.selected == "node-04"
            await pilot.press("s", "S")
            assert table.selected == "node-04"
            whole = cluster(nodes=6)
            del whole["nodes"][:2]
            await show(app, api, whole)
            await settle(pilot)
            assert table.selected == "node-04"

    drive(go)


def test_pause_holds_the_picture(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=3) as pilot:
            await pilot.press("space")
            await show(app, api, cluster(nodes=5))
            await settle(pilot)
            assert "paused" in screen_text(app)
            assert "2/3 nodes up" in screen_text(app)
            await pilot.press("space")
            await settle(pilot)
            assert "4/5 nodes up" in screen_text(app)
            assert "paused" not in screen_text(app)

    drive(go)


def test_language_changes_everything_at_once(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            for screen in ("1", "2", "d"):
                await pilot.press(screen)
                await settle(pilot)
                for here, other in (("Modelos", "Models"), ("Models", "Modelos")):
                    await pilot.press("L")
                    await settle(pilot)
                    assert here in screen_text(app)
                    assert other not in screen_text(app)

    drive(go)


def test_theme_recolours_cells_that_did_not_change(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:

            def down_colours() -> set[Any]:
                strips = app.screen._compositor.render_strips()
                found = [s for strip in strips for s in strip if s.style and ("✕" in s.text or "1 problem" in s.text)]
                return {segment.style.color for segment in found if segment.style}

            before = down_colours()
            await pilot.press("T")
            await settle(pilot)
            assert app.theme == "cluster-light"
            assert down_colours().isdisjoint(before)

    drive(go)


def test_reconnect_does_not_wait_for_the_pause(api: Api) -> None:
    async def go() -> None:
        api.script(status=401, code="unauthenticated", detail="no")
        app = make(api)
        async with app.run_test() as pilot:
            await until(lambda: app.session.state.trouble, "the refusal arrives")
            api.script()
            api.show(cluster())
            await pilot.press("r")
            await until(lambda: app.session.state.overview, "data arrive at once")

    drive(go)


def test_copy_takes_the_selected_name(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            await pilot.press("down", "y")
            assert app.clipboard == "node-02"

    drive(go)


# -- actions


def test_restart_asks_for_the_name(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            await pilot.press("x")
            await settle(pilot)
            assert isinstance(app.screen, ChooseAction)
            await pilot.press("down", "enter")
            await settle(pilot)
            assert isinstance(app.screen, Confirm)
            await pilot.press(*"gateway", "enter")
            await settle(pilot)
            assert "That is not the name." in screen_text(app)
            assert not [asked for asked in api.asked() if asked["method"] == "POST"]
            app.screen.query_one(Input).value = "scheduler"
            await pilot.press("enter")
            await until(lambda: [a for a in api.asked() if a["path"].endswith("/parts/scheduler/restart")], "asked")

    drive(go)


def test_escape_leaves_every_question_unanswered(api: Api) -> None:
    async def go() -> None:
        before = len(api.asked())
        app = make(api)
        async with running(app, api) as pilot:
            await pilot.press("x", "escape")
            await settle(pilot)
            assert isinstance(app.screen, OverviewScreen)
            await pilot.press("x", "down", "enter")
            await settle(pilot)
            await pilot.press("escape")
            await settle(pilot)
            assert isinstance(app.screen, OverviewScreen)
            assert not [asked for asked in api.asked()[before:] if asked["method"] == "POST"]

    drive(go)


def test_a_worker_is_added_without_typing(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            await pilot.press("x", "enter")
            await until(lambda: [a for a in api.asked() if a["path"] == "/api/v1/workers"], "asked")
            assert api.asked()[-1]["body"] == {"count": 1}

    drive(go)


def test_a_refused_action_says_why(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            api.script(status=409, code="too_many_workers", detail="16 workers [b]are[/b] the limit")
            await pilot.press("x", "enter")
            await until(lambda: list(app._notifications), "told")
            (note,) = app._notifications
            assert note.message == "16 workers [b]are[/b] the limit (too_many_workers)"
            assert note.severity == "error"

    drive(go)


def test_read_only_offers_no_actions(api: Api) -> None:
    async def go() -> None:
        app = make(api, read_only=True)
        async with running(app, api) as pilot:
            await pilot.press("x")
            await settle(pilot)
            assert not app.screen.query(OptionList)
            assert "read-only" in screen_text(app)
            assert not [c for c in app.get_system_commands(app.screen) if "Actions" in c.title]

    drive(go)


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_palette_knows_every_key(api: Api, lang: Any) -> None:
    async def go() -> None:
        app = make(api, lang=lang)
        async with running(app, api) as pilot:
            assert len(list(app.get_system_commands(app.screen))) == len(KEYS) - 1
            await pilot.press("ctrl+p")
            await settle(pilot)
            await pilot.press(*("nodes" if lang == "en" else "nós"))
            await until(lambda: app.screen.query(OptionList).first().option_count, "found")
            await pilot.press("enter")
            await until(lambda: isinstance(app.screen, NodesScreen), "opened")

    drive(go)


def test_tables_take_the_focus_in_turn(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            seen = []
            for _ in range(4):
                assert isinstance(app.focused, DataTable)
                seen.append(app.focused.id)
                await pilot.press("tab")
            assert seen == ["table-nodes", "table-parts", "table-workers", "table-models"]

    drive(go)


def test_keys_typed_ahead_are_taken_in_order(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=3) as pilot:
            await pilot.press("2")
            await settle(pilot)
            for key in "/down":
                app.post_message(Key("slash" if key == "/" else key, key))
            await until(lambda: live(app).query_one("#filter", Input).value == "down", "all of it in the field")
            await settle(pilot)
            assert isinstance(app.screen, NodesScreen)
            assert live(app).query_one("#panel-nodes", Panel).table.keys == ["node-03"]
            assert "connection refused" in screen_text(app), "the pane follows the filter"

    drive(go)
