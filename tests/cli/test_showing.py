"""Tables, sizes, bars and logs as people see them."""

import json
from pathlib import Path

import click
import pytest

from cluster_ai.cli import place, show
from cluster_ai.cli.bar import Bar
from cluster_ai.cli.events import sentence
from cluster_ai.cli.logs import File, readable
from cluster_ai.core.paths import Home


def test_columns_line_up_also_with_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(["NAME", "N"], [("日本", 1), ("abcde", 22)])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["NAME   N", "日本   1", "abcde  22"]


def test_an_empty_table_says_so_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(["NAME"], [])
    said = capsys.readouterr()
    assert said.out == "NAME\n"
    assert said.err


def test_nothing_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(["NAME"], [("a\x1b[2Jb\x1b]0;t\x07c\rd\x9b1m",)])
    show.pairs([("x", "\x1b[31mred\x1b[0m")])
    said = capsys.readouterr().out
    assert "\x1b[2J" not in said
    assert not set(said) & {"\r", "\x07", "\x9b"}
    assert show.safe("a\x1b[2Jb\nc") == "abc"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (150 << 20, "150 MiB"),
        (3 << 40, "3.0 TiB"),
        (1 << 60, "1048576 TiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert show.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (59.9, "59s"), (61, "1m01s"), (3_700, "1h01m"), (90_000, "1d01h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert show.duration(seconds) == text


def test_json_carries_its_schema_version(capsys: pytest.CaptureFixture[str]) -> None:
    show.out_json({"name": "nó"}, compact=True)
    line = capsys.readouterr().out
    assert json.loads(line) == {"schema_version": 1, "name": "nó"}
    assert line.count("\n") == 1


def test_a_piped_bar_says_every_tenth_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        for done in range(101):
            bar.draw(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("  0%")
    assert lines[-1].startswith("100%")


def test_a_bar_of_nothing_is_full(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        bar.draw(0, 0)
    assert "100%" in capsys.readouterr().err


def test_a_log_is_followed_through_growth_and_turning_over(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    file = File("x", path)
    assert list(file.more()) == []
    path.write_text("one\ntwo\nthr")
    assert file.last(1) == ["two"]
    with path.open("a") as more:
        more.write("ee\n")
    assert list(file.more()) == ["three"]
    path.rename(tmp_path / "x.log.1")
    path.write_text("four\n")
    assert list(file.more()) == ["four"]
    path.write_text("")
    assert list(file.more()) == []


def test_a_log_line_is_readable() -> None:
    line = json.dumps({"event": "node is now", "level": "info", "timestamp": "2026-01-02T03:04:05Z", "node": "n1"})
    assert readable(line) == "03:04:05 info     node is now  node=n1"
    assert click.unstyle(readable(line.replace("info", "error"))).startswith("03:04:05 error")
    assert readable("Traceback \x1b[31m(most recent") == "Traceback (most recent"
    assert readable("[1, 2]") == "[1, 2]"


def test_an_event_is_a_sentence() -> None:
    event = {"at": 0.0, "kind": "node.state", "subject": "n1", "before": "healthy", "after": "down"}
    assert sentence(event).split()[1:] == ["node.state", "n1:", "healthy", "->", "down"]
    assert sentence({}).endswith("- -> -")


def test_the_ports_of_a_running_cluster_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(tmp_path))
    monkeypatch.setenv("CLUSTER_AI_PORT_BASE", "30000")
    home = Home(tmp_path)
    home.make()
    assert place.settings().effective_ports.gateway == 30001
    place.remember(home, 21000)
    assert place.settings().effective_ports.gateway == 21001
    place.remember(home, None)
    assert not list(home.run.iterdir())
    place.forget(home)


@pytest.mark.parametrize("rubbish", [b"", b"\xff\xfe", b"twenty", b"-1"])
def test_a_damaged_memory_of_ports_is_passed_over(tmp_path: Path, rubbish: bytes) -> None:
    home = Home(tmp_path)
    home.make()
    (home.run / "port-base").write_bytes(rubbish)
    env: dict[str, str] = {}
    place.recall(home, env)
    assert env == {}
