"""Talking to a model, and the command line's verbs, without leaving the TUI."""

import sys
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, RichLog

from cluster_ai.core.errors import InvalidInput
from cluster_ai.tui.app import ClusterApp
from cluster_ai.tui.screens.chat import ChatScreen
from cluster_ai.tui.screens.command import CommandScreen
from cluster_ai.tui.talk import TurnState
from cluster_ai.tui.verbs import words_of
from tests.tui.driving import drive, make, running, screen_text, settle, until
from tests.tui.running import Api
from tests.tui.samples import cluster

CLI = (sys.executable, "-P", "-m", "cluster_ai.cli.main")
PARIS: list[dict[str, Any]] = [
    {"message": {"content": "Paris, \x1b[2Jof "}},
    {"message": {"content": "course."}},
    {"done": True, "eval_count": 10, "eval_duration": 500_000_000},
]


async def ask(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*text, "enter")
    await settle(pilot)


async def drawn(pilot: Pilot[None], words: str) -> None:
    await until(lambda: words in screen_text(pilot.app), f"{words!r} on\n{screen_text(pilot.app)}")  # type: ignore[arg-type]


def test_words_come_with_who_said_them_and_how_fast(api: Api) -> None:
    async def go() -> None:
        api.script(chat=PARIS)
        app = make(api)
        async with running(app, api) as pilot:
            await pilot.press("c")
            await ask(pilot, "q?")
            await drawn(pilot, "Paris, of course.")
            await drawn(pilot, "n1 · first word after 0.0 s · 20.0 tok/s · resident")
            await ask(pilot, "and 2 more")
            await until(lambda: len(app.session.talk.turns) == 2 and not app.session.talk.is_writing, "a second answer")
            asked = [one["body"]["messages"] for one in api.asked() if one["path"].endswith("/chat")]
            assert [message["content"] for message in asked[-1]] == ["q?", "Paris, \x1b[2Jof course.", "and 2 more"]
            await pilot.press("escape", "1", "c")
            await drawn(pilot, "> and 2 more")
            await ask(pilot, "/new")
            await drawn(pilot, "Nothing was asked yet")

    drive(go)


def test_esc_stops_an_answer_and_the_next_may_be_asked(api: Api) -> None:
    async def go() -> None:
        api.script(chat=[{"message": {"content": "Well,"}}, {}])
        app = make(api)
        async with running(app, api) as pilot:
            await pilot.press("c")
            for _ in range(2):
                left = api.seen()["left"]
                await ask(pilot, "why")
                await drawn(pilot, "Well,")
                await pilot.press("escape")
                await until(lambda left=left: api.seen()["left"] > left, "the node hears that nobody reads on")
                assert app.session.talk.turns[-1].state is TurnState.STOPPED
                await drawn(pilot, "stopped · n1")

    drive(go)


def test_another_screen_ends_what_is_written_and_keeps_it(api: Api) -> None:
    async def go() -> None:
        api.script(chat=[{"message": {"content": "Well,"}}, {}])
        app = make(api)
        async with running(app, api) as pilot:
            await pilot.press("c")
            left = api.seen()["left"]
            await ask(pilot, "why")
            await drawn(pilot, "Well,")
            app.action_open("nodes")
            await until(lambda: api.seen()["left"] > left, "the node hears that nobody reads on")
            assert [(turn.said, turn.state) for turn in app.session.talk.turns] == [("Well,", TurnState.STOPPED)]

    drive(go)


def test_a_refusal_is_said_with_its_code_and_is_no_part_of_the_talk(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            await pilot.press("c")
            api.script(status=503, code="no_node", detail="no node has it", chat=[])
            await ask(pilot, "why")
            await drawn(pilot, "no_node")
            api.script(chat=[{"message": {"content": "x"}}, {"error": "the runner died", "done": True}])
            await ask(pilot, "again")
            await drawn(pilot, "the runner died")
            assert app.session.talk.body()["messages"] == [
                {"role": "user", "content": "again"},
                {"role": "assistant", "content": "x"},
            ]

    drive(go)


def test_without_a_model_nothing_is_asked(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            api.show(cluster() | {"models": []})
            await until(lambda: app.session.state.overview and not app.session.state.overview.models, "no models")
            await pilot.press("c")
            await drawn(pilot, "No node has a model")
            await ask(pilot, "hello")
            assert app.session.talk.turns == []

    drive(go)


def test_letters_are_text_until_the_line_is_left(api: Api) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            api.show(cluster() | {"models": [{"name": "one"}, {"name": "two"}]})
            await until(lambda: app.session.state.overview and len(app.session.state.overview.models) == 2, "models")
            await pilot.press("c", "q", "1", "f")
            await settle(pilot)
            assert isinstance(app.screen, ChatScreen)
            assert app.screen.query_one("#ask", Input).value == "q1f"
            assert app.session.talk.model == "one"
            await pilot.press("escape", "f")
            assert app.session.talk.model == "two"
            await pilot.press("enter")
            assert isinstance(app.focused, Input)

    drive(go)


# -- verbs


def said(app: ClusterApp) -> str:
    assert isinstance(app.screen, CommandScreen)
    return "\n".join(strip.text for strip in app.screen.query_one(RichLog).lines)


@pytest.mark.real
def test_a_verb_runs_and_tab_completes_it(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(tmp_path))

    async def go() -> None:
        app = make(api, command=CLI, lang="pt-BR")
        async with running(app, api) as pilot:
            await pilot.press("colon", *"vers", "tab")
            field = app.screen.query_one(Input)
            await until(lambda: field.value == "version ", "completed")
            await pilot.press("enter")
            await until(lambda: str(tmp_path) in said(app).replace("\n", ""), "what it says")
            await pilot.press(*"nonsense", "enter")
            await until(lambda: "[2]" in said(app), "its exit code")
            assert "nonsense" in said(app)
            assert "verbo" in said(app), "in the language of the TUI"
            await pilot.press(*"node ", "tab")
            await until(lambda: "cordon" in said(app), "what there is")
            await pilot.press("up", "up")
            assert field.value == "version"

    drive(go)


def test_esc_ends_a_verb_with_all_it_started_and_then_closes(api: Api, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = f"echo $$ > {note}; echo begun; trap '' INT; while :; do sleep 60; done"

    async def go() -> None:
        app = make(api, command=("bash", "-c", program))
        async with running(app, api) as pilot:
            await pilot.press("colon", *"logs", "enter")
            await until(lambda: "begun" in said(app), "it runs")
            await pilot.press(*"again", "enter")
            assert app.screen.query_one(Input).value == "again", "one at a time"
            pid = int(note.read_text())
            await pilot.press("escape")
            await until(lambda: not Path(f"/proc/{pid}").exists(), "it is gone")
            assert isinstance(app.screen, CommandScreen)
            # The screen may learn a moment later that it is gone; until then esc is for the verb.
            while isinstance(app.screen, CommandScreen):
                await pilot.press("escape")
                await settle(pilot)

    drive(go)


def test_what_a_verb_writes_moves_no_cursor_and_a_long_line_ends_nothing(api: Api) -> None:
    program = "printf 'a\\033[2Jb\\n'; head -c 3000000 /dev/zero | tr '\\0' x; printf '\\nlast\\n'"

    async def go() -> None:
        app = make(api, command=("bash", "-c", program))
        async with running(app, api) as pilot:
            await pilot.press("colon", *"x", "enter")
            await until(lambda: "last" in said(app), "the end")
            assert "ab" in said(app)

    drive(go)


def test_where_verbs_would_mislead_there_are_none(api: Api) -> None:
    async def go() -> None:
        for options in ({}, {"command": CLI, "read_only": True}):
            app = make(api, **options)
            async with running(app, api) as pilot:
                await pilot.press("colon")
                await settle(pilot)
                assert not isinstance(app.screen, CommandScreen)

    drive(go)


def test_words_are_those_of_a_shell_without_one() -> None:
    assert words_of("cluster-ai model pull 'a b' $HOME; ls") == ["model", "pull", "a b", "$HOME;", "ls"]
    for wrong in ("plan show 'x", "tui", "cluster-ai tui --url x"):
        with pytest.raises(InvalidInput):
            words_of(wrong)


def test_f2_gives_the_mouse_to_the_terminal_and_takes_it_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        app = make(api)
        async with running(app, api) as pilot:
            written: list[str] = []
            monkeypatch.setattr(app._driver, "write", written.append)
            await pilot.press("f2", "f2")
            told = "".join(written)
            assert told.index("\x1b[?1000l") < told.index("\x1b[?1000h")

    drive(go)
