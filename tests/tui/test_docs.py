"""What is asked of the program on its command line, and the page about it."""

import subprocess
import sys
from pathlib import Path

import pytest

from cluster_ai.core.errors import Misconfigured
from cluster_ai.tui.app import OPTIONS, build, parse
from cluster_ai.tui.keys import KEYS
from cluster_ai.tui.starting import Place, begin, read
from cluster_ai.tui.themes import THEMES

PAGE = (Path(__file__).parents[2] / "docs/reference/tui.md").read_text(encoding="utf-8")


def test_every_key_and_option_is_documented() -> None:
    wanted = {key.shown for key in KEYS} | set(OPTIONS) | {"--lang", "--theme", "--read-only"}
    wanted |= {theme.name for theme in THEMES}
    assert not {word for word in wanted if f"`{word}`" not in PAGE}


def test_options_choose_language_and_theme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(tmp_path))
    words = ["--lang", "pt-BR", "--theme", "cluster-light", "--read-only", "--url", "http://there"]
    app = build(parse(words), read())
    assert (app.session.lang, app.theme, app.session.read_only) == ("pt-BR", "cluster-light", True)
    assert app.session.url == "http://there"


def test_a_token_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(tmp_path))
    with pytest.raises(Misconfigured, match="nowhere"):
        build(parse(["--url", "http://there", "--token-file", "/nowhere"]), read())


def test_settings_are_read_by_a_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text('lang = "pt-BR"\nport_base = 21000\n')
    place = begin().place()
    assert place == Place("http://127.0.0.1:21000", str(tmp_path), "pt-BR")
    assert build(parse([]), place).session.lang == "pt-BR"


def test_a_setting_that_is_wrong_is_told_as_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER_AI_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text('lang = "xx"\n')
    with pytest.raises(Misconfigured, match="lang"):
        begin().place()
    done = subprocess.run([sys.executable, "-m", "cluster_ai.tui"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "(misconfigured)" in done.stderr


def test_what_only_the_settings_need_is_not_imported() -> None:
    look = "import sys; import cluster_ai.tui.starting, cluster_ai.tui.app; print('pydantic_settings' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout
    assert said == "False\n"
