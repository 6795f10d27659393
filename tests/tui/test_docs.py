"""What is asked of the program on its command line, and the page about it."""

from pathlib import Path

import pytest

from cluster_ai.core.errors import Misconfigured
from cluster_ai.tui.app import OPTIONS, build, parse
from cluster_ai.tui.keys import KEYS
from cluster_ai.tui.themes import THEMES

PAGE = (Path(__file__).parents[2] / "docs/reference/tui.md").read_text(encoding="utf-8")


def test_every_key_and_option_is_documented() -> None:
    wanted = {key.shown for key in KEYS} | set(OPTIONS) | {"--lang", "--theme", "--read-only"}
    wanted |= {theme.name for theme in THEMES}
    assert not {word for word in wanted if f"`{word}`" not in PAGE}


def test_options_choose_language_and_theme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(tmp_path))
    app = build(parse(["--lang", "pt-BR", "--theme", "cluster-light", "--read-only", "--url", "http://there"]))
    assert (app.session.lang, app.theme, app.session.read_only) == ("pt-BR", "cluster-light", True)
    assert app.session.url == "http://there"


def test_a_token_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(tmp_path))
    with pytest.raises(Misconfigured, match="nowhere"):
        build(parse(["--url", "http://there", "--token-file", "/nowhere"]))
