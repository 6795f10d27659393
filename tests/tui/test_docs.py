"""The page about the TUI names every key and option."""

from pathlib import Path

from cluster_ai.tui.app import OPTIONS
from cluster_ai.tui.keys import KEYS
from cluster_ai.tui.themes import THEMES

PAGE = (Path(__file__).parents[2] / "docs/reference/tui.md").read_text(encoding="utf-8")


def test_every_key_and_option_is_documented() -> None:
    wanted = {key.shown for key in KEYS} | set(OPTIONS) | {"--lang", "--theme", "--read-only"}
    wanted |= {theme.name for theme in THEMES}
    assert not {word for word in wanted if f"`{word}`" not in PAGE}
