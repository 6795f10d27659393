"""What the menu offers is there: each entry is a verb of the command line that takes so many words, and has a name."""

import re
from pathlib import Path

import click
import pytest

from cluster_ai.cli.root import NAME, make_root

ROOT = Path(__file__).parents[2]
OWN = {"start", "stop"}
"""Verbs of manager.sh itself."""
ENTRY = re.compile(r"^(?P<name>[a-z_]+)\|(?P<command>[a-z].*)$", re.MULTILINE)
WIDTH = 80
BESIDE = len("   10  ") + 30 + len(" ./manager.sh ")
"""Columns before the command, for a name that is no longer than its place."""

TEXT = (ROOT / "scripts/manager/menu.sh").read_text(encoding="utf-8")
WORDS = (ROOT / "scripts/manager/words.sh").read_text(encoding="utf-8")
ENTRIES = [(found["name"], found["command"]) for found in ENTRY.finditer(TEXT)]


def test_they_are_all_found() -> None:
    assert len(ENTRIES) > 60
    assert len({name for name, _ in ENTRIES}) == len(ENTRIES)


@pytest.mark.parametrize(("name", "command"), ENTRIES, ids=lambda value: value)
def test_an_entry_is_a_verb_with_a_name_and_room(name: str, command: str) -> None:
    for tongue in ("word", "palavra"):
        assert re.search(rf"^{tongue}_menu_{name}=", WORDS, re.MULTILINE)
        for asked in re.findall(r"<([a-z]+)>", command):
            assert re.search(rf"^{tongue}_ask_{asked}=", WORDS, re.MULTILINE)
    assert BESIDE + len(command) < WIDTH
    words = re.sub(r"<[a-z]+>", "word", command).split()
    if words[0] in OWN:
        return
    found: click.Command = make_root()
    context = click.Context(found, info_name=NAME)
    # A noun may have a verb that needs no word of its own.
    while isinstance(found, click.Group) and words:
        verb = found.get_command(context, words.pop(0))
        assert verb is not None, command
        found, context = verb, click.Context(verb, info_name=verb.name, parent=context)
    # Refuses words that are missing or too many.
    found.parse_args(context, words)
