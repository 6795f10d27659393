"""What is said of a value that cannot be, in both languages and without a word of the library's."""

from pathlib import Path

import pytest

from tests.cli.calling import cli, environment

SAID = {
    ("up", "--port-base", "80"): ("a whole number from 1024 to 65000", "um número inteiro de 1024 a 65000"),
    ("up", "--port-base", "x"): ("a whole number from 1024 to 65000", "um número inteiro de 1024 a 65000"),
    ("events", "--count", "0"): ("a whole number, at least 1", "um número inteiro, no mínimo 1"),
    ("events", "--topic", "x"): ("must be one of events, overview", "tem de ser um destes: events, overview"),
    ("up", "--port-base"): ("--port-base needs a value", "--port-base precisa de um valor"),
    ("status", "one", "two"): ("before one two", "antes de one two"),
}


@pytest.mark.parametrize("words", SAID, ids=" ".join)
@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_wrong_value_is_refused_in_the_readers_language(words: tuple[str, ...], lang: str, tmp_path: Path) -> None:
    done = cli("--lang", lang, *words, env=environment(tmp_path / "home"))
    assert SAID[words][lang == "pt-BR"] in done.stderr
    assert done.returncode == 2


def test_a_cluster_that_never_was_is_named_in_portuguese(tmp_path: Path) -> None:
    done = cli("--lang", "pt-BR", "node", "ls", env=environment(tmp_path / "home"))
    assert f"Nenhum cluster foi iniciado em {tmp_path / 'home'}." in done.stderr
    assert "no cluster was started" not in done.stderr
