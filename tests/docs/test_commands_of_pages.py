"""Every command that a page shows is one of the command line, with options and choices that this one has."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cluster_ai.cli.root import NAME, make_root

ROOT = Path(__file__).parents[2]
# What is made of the command line has all of it, as it is.
MADE = ROOT / "docs/reference/cli.md"
PAGES = [*ROOT.glob("*.md"), *sorted({*(ROOT / "docs").rglob("*.md")} - {MADE})]
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
CALLED = re.compile(r"(?:\S*/bin/cluster-ai|cluster-ai|\./manager\.sh) ")
SCRIPTS_OWN = {"start": ["up", "--detach"], "stop": ["down"], "test": [], "bench": [], "docs": [], "menu": []}
# Where the shell takes over, and what pages write for "and so on".
ENDS = re.compile(r"^(?:[|&;<>].*|\d?>.*|\.\.\.|·)$")


def words(shown: str) -> list[str]:
    """What the program gets of a line; [] for what the script does by itself."""
    # Brackets stand around what may be left out.
    lexer = shlex.shlex(re.sub(r"[\[\]]", "", shown), posix=True, punctuation_chars=";|&<>")
    lexer.whitespace_split = True
    said: list[str] = []
    for word in lexer:
        if ENDS.match(word):
            break
        said.append(word)
    if not shown.startswith("./manager.sh"):
        return said[1:]
    instead = SCRIPTS_OWN.get(said[1])
    return said[1:] if instead is None else instead + said[2:] * bool(instead)


def called(shown: str) -> str:
    """A line as it begins with the program, without prompt and variables; "" where it calls something else."""
    plain = re.sub(r"^\$ |^(?:\w+=\S+ )+", "", " ".join(shown.split()))
    return plain if CALLED.match(plain) else ""


def lines(text: str) -> Iterator[str]:
    """Whole lines of blocks; a cut line goes on in the next."""
    for block in FENCED.findall(text):
        yield from filter(None, map(called, block.replace("\\\n", " ").splitlines()[1:-1]))


def spans(text: str) -> Iterator[str]:
    """Code within sentences."""
    yield from filter(None, map(called, re.findall(r"`([^`]+)`", FENCED.sub("", text))))


def wrong(said: list[str], *, whole: bool) -> str:
    """Why the command line would refuse these words; only a whole line must have all that is needed."""
    command: click.Command = make_root()
    context = click.Context(command, info_name=NAME)
    while isinstance(command, click.Group) and said and not said[0].startswith("-"):
        found = command.get_command(context, said[0])
        if found is None:
            # A name in capitals stands for any verb; a verb with a `|` for several.
            return "" if said[0].isupper() or "|" in said[0] else f"no verb {said[0]}"
        context = found.context_class(found, info_name=said[0], parent=context, **found.context_settings)
        command, said = found, said[1:]
        # `logs gateway` is `logs show gateway`, as its group has it.
        if isinstance(found, click.Group) and found.name == "logs" and said and said[0] not in found.commands:
            said = ["show", *said]
    if isinstance(command, click.Group) or {"--help", "-h"} & set(said):
        return ""
    try:
        given, left, _ = command.make_parser(context).parse_args([*said])
        refused = [f"too much: {left}"] if left and not context.allow_extra_args else []
    except click.UsageError as exc:
        # A sentence may name an option without its value.
        return "" if not whole and isinstance(exc, click.BadOptionUsage) else exc.format_message()
    for one in command.params:
        value = given.get(str(one.name))
        if isinstance(one.type, click.Choice) and isinstance(value, str) and not value.isupper():
            refused += [f"{value} of {one.name}"] * (value not in map(str, one.type.choices))
        # What was not given is a mark of the library's own.
        if whole and one.required and not (value and isinstance(value, str | tuple)):
            refused.append(f"{one.name} is missing")
    return "; ".join(refused)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_those_of_the_command_line(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    told = [f"{line}: {why}" for line in lines(text) if (why := wrong(words(line), whole=True))]
    told += [f"{span}: {why}" for span in spans(text) if (why := wrong(words(span), whole=False))]
    assert told == []


def test_what_does_not_exist_is_seen() -> None:
    assert wrong(words("cluster-ai nod ls"), whole=True) == "no verb nod"
    assert "--frm" in wrong(words("cluster-ai firewall apply --frm 10.0.0.0/8"), whole=True)
    assert "missing" in wrong(words("./manager.sh node add # whom?"), whole=True)
    assert "too much" in wrong(words("cluster-ai backup verify a b"), whole=True)
    assert "king" in wrong(words("cluster-ai auth user add ann --role king"), whole=True)
