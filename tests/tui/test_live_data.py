"""What arrives is drawn with as few changes as it takes, and whatever it says cannot harm the terminal."""

from typing import Any

from cluster_ai.core.errors import Unavailable
from cluster_ai.tui.state import Link
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.live_table import MOST_CELLS, MOST_ROWS, LiveTable
from cluster_ai.tui.widgets.panel import Panel
from tests.tui.driving import Clock, drive, live, make, running, screen_text, settle, show, until
from tests.tui.running import Api, api_process
from tests.tui.samples import cluster, moved, node


def table(app: Any, name: str) -> LiveTable:
    return live(app).query_one(f"#panel-{name}", Panel).table


def test_rows_are_changed_in_place(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=4) as pilot:
            rows = dict(table(app, "nodes").rows)
            await show(app, api, moved(cluster(nodes=4), 5))
            await settle(pilot)
            now = table(app, "nodes").rows
            assert all(now[key] is row for key, row in rows.items())
            assert "160 ms" in screen_text(app) or "180 ms" in screen_text(app)

    drive(go)


def test_only_changed_cells_are_drawn_again(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=4) as pilot:
            drawn: list[tuple[int, int] | None] = []
            nodes = table(app, "nodes")
            refresh = nodes.refresh

            def watched(*regions: Any, **options: Any) -> Any:
                drawn.extend([(region.y, region.width) for region in regions] or [None])
                return refresh(*regions, **options)

            nodes.refresh = watched  # type: ignore[method-assign]
            whole = cluster(nodes=4)
            whole["nodes"][1]["inflight"] = 3
            await show(app, api, whole)
            await settle(pilot)
            (only,) = drawn
            assert only, "the whole table was drawn again"
            assert only[0] == 2, "the second row, below the heading"
            assert only[1] < 20, "one cell of it"

    drive(go)


def test_what_was_drawn_once_is_not_kept(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=12) as pilot:
            nodes = table(app, "nodes")
            for second in range(60):
                await show(app, api, moved(cluster(nodes=12), second))
                await settle(pilot)
            assert nodes._update_count > MOST_CELLS, "more cells were drawn than are kept"
            assert len(nodes._cell_render_cache) <= MOST_CELLS
            assert len(nodes._line_cache) <= MOST_ROWS

    drive(go)


def test_same_snapshot_draws_nothing(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=4) as pilot:
            await show(app, api, cluster(nodes=4))
            await settle(pilot)
            drawn: list[Any] = []
            for widget in (*live(app).query(LiveTable), live(app).query_one("#state", Lines)):
                widget.refresh = lambda *regions, **_: drawn.append(regions)  # type: ignore[method-assign,assignment]
            await show(app, api, cluster(nodes=4))
            await settle(pilot)
            assert drawn == []

    drive(go)


def test_nodes_come_and_go(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=2) as pilot:
            for count in (5, 0, 3):
                await show(app, api, cluster(nodes=count))
                await settle(pilot)
                assert table(app, "nodes").keys == [f"node-0{number}" for number in range(1, count + 1)]

    drive(go)


def test_a_longer_text_widens_its_column(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            whole = cluster()
            whole["nodes"][0]["ttft_seconds"] = 12_345.6
            await show(app, api, whole)
            await settle(pilot)
            assert "12,345.6 s" in screen_text(app)

    drive(go)


def test_names_cannot_steer_the_terminal(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            whole = cluster()
            evil = "\x1b]0;owned\x07ev\x1b[2Jil[bold red]"
            whole["nodes"] = [node(1, name=evil, last_error=evil, url=f"http://{evil}/", version=evil)]
            whole["models"][0]["name"] = evil
            whole["system"]["name"] = evil
            whole["system"]["problems"] = [f"x: {evil}"]
            whole["compute"]["workers"][0]["name"] = evil
            for key in ("1", "2", "d"):
                await pilot.press(key)
                await show(app, api, whole)
                await settle(pilot)
                text = screen_text(app)
                assert "evil[bold red]" in text
                assert "\x1b" not in text
                assert "\x07" not in text
                assert "owned" not in text

    drive(go)


def test_a_node_that_left_keeps_its_screen(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api, nodes=2) as pilot:
            await pilot.press("down", "d")
            await settle(pilot)
            assert "192.168.1.12" in screen_text(app)
            await show(app, api, cluster(nodes=1))
            await settle(pilot)
            assert "No measurements yet" in screen_text(app)
            await show(app, api, cluster(nodes=2))
            await settle(pilot)
            assert "192.168.1.12" in screen_text(app)

    drive(go)


def test_age_of_the_data_is_seen_and_recovers(api: Api) -> None:
    async def go() -> None:
        clock = Clock()
        app = make(api, clock=clock)
        async with running(app, api) as pilot:
            clock.now += 2
            app._tick()
            await settle(pilot)
            assert "live · 2 s" in screen_text(app)
            clock.now += 5
            app._tick()
            await settle(pilot)
            assert app.session.link() is Link.STALE
            assert "stale · 7 s old" in screen_text(app)
            await show(app, api, cluster())
            await settle(pilot)
            assert "live · 0 s" in screen_text(app)

    drive(go)


def test_a_server_that_comes_back_is_followed_again() -> None:
    async def go() -> None:
        with api_process() as api:
            app = make(api)
            async with running(app, api, nodes=1):
                api.process.kill()
                await until(lambda: app.session.state.trouble, "the end is noticed")
                with api_process("--tick", "0.1", "--nodes", "7", port=api.port):
                    await until(lambda: len(app.session.state.overview.nodes) == 7, "followed again")
                    assert app.session.state.trouble is None

    drive(go)


def test_nobody_there_at_first() -> None:
    async def go() -> None:
        with api_process() as api:
            port = api.port
        app = make(api)
        async with app.run_test() as pilot:
            await until(lambda: app.session.state.trouble, "the failure is told")
            await settle(pilot)
            assert "no cluster answers" in screen_text(app)
            assert "./manager.sh start" in screen_text(app)
            with api_process("--tick", "0.1", port=port):
                await until(lambda: app.session.state.overview, "found once it is there")

    drive(go)


def test_another_version_is_named(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with app.run_test() as pilot:
            api.show({"at": "not a number"})
            await until(lambda: app.session.state.trouble, "told")
            app.session.clock.now += 10  # type: ignore[attr-defined]
            app._tick()
            await settle(pilot)
            assert "version does not fit" in screen_text(app)
        api.show(cluster())

    drive(go)


def test_why_data_are_old_is_said(api: Api) -> None:
    async def go() -> None:
        clock = Clock()
        app = make(api, clock=clock)
        async with running(app, api) as pilot:
            app._failed(Unavailable("no cluster answers at http://there"), 5.0)
            clock.now += 10
            app._tick()
            await settle(pilot)
            assert "no cluster answers at http://there" in screen_text(app)
            assert "stale" in screen_text(app)

    drive(go)
