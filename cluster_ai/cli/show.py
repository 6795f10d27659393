"""What people and programs read: data to stdout, talk to stderr, nothing that moves the cursor."""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final

import click

from cluster_ai.cli.fitting import GAP, Fit, fitted, shortened
from cluster_ai.cli.words import t
from cluster_ai.core import sentences
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.i18n import pick, texts

SCHEMA_VERSION: Final = 1
_COLOURS: Final = {
    **dict.fromkeys(("ready", "healthy", "ok", "closed"), "green"),
    **dict.fromkeys(("exhausted", "critical"), "red"),
    **dict.fromkeys(
        ("starting", "waiting", "backoff", "suspect", "unhealthy", "stopping", "half_open", "draining", "warning"),
        "yellow",
    ),
    **dict.fromkeys(("failed", "down", "open", "error"), "red"),
}
_COMMAND: Final = re.compile(r"(?<![\w/.-])cluster-ai (?=[a-zA-Z-])")
fit_of: Final = Fit.of
_ALL: Final = Fit()
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


def safe(text: object, *, keep: str = "") -> str:
    """``text`` without anything that a terminal would take for a command."""
    shown = str(text)
    if shown.isprintable():
        return shown
    from cluster_ai.client.plain import plain

    return plain(shown, keep=keep)


def say(text: str = "", *, newline: bool = True) -> None:
    """To the person, on stderr."""
    click.echo(as_called(text), err=True, nl=newline)


def as_called(text: str) -> str:
    """``text`` with our command as this person calls it: a checkout's is not on the path."""
    called = os.environ.get("CLUSTER_AI_CALLED_AS", "")
    return _COMMAND.sub(f"{safe(called)} ", text) if called else text


def out(text: str = "", *, newline: bool = True) -> None:
    """Data, on stdout."""
    click.echo(text, nl=newline)


def out_json(data: Mapping[str, Any], *, compact: bool = False) -> None:
    """One JSON object with its ``schema_version`` in front; on one line when ``compact``."""
    # Some views have a field of that name: here it is that of the command line.
    whole = {"schema_version": SCHEMA_VERSION, **data} | {"schema_version": SCHEMA_VERSION}
    click.echo(json.dumps(whole, ensure_ascii=False, indent=None if compact else 2))


def error(problem: ClusterError) -> None:
    """What is wrong, what to do, and the stable code."""
    words = sentences.told(problem, pick())
    say(f"{click.style(t('error.label'), fg='red', bold=True)} {safe(words.text, keep=chr(10))}")
    if words.detail:
        say(f"  {safe(words.detail, keep=chr(10))}")
    if words.hint:
        say(f"  {t('error.hint')} {safe(words.hint)}")
    say(click.style(f"  {t('error.code')} {safe(problem.code)}", dim=True))


def reason(problem: ClusterError) -> str:
    """What is wrong, on one line, for a text that goes on."""
    return safe(sentences.told(problem, pick()).line)


def meaning(code: str) -> str:
    """What an error code stands for, for a text that goes on."""
    return safe(sentences.meaning(code, pick()))


def state(name: str) -> str:
    """A state in the reader's words and in its colour; the word alone says it, too."""
    known = f"word.{name}" in texts(pick(), "cli")
    return click.style(t(f"word.{name}") if known else safe(name), fg=_COLOURS.get(name))


def at(seconds: float) -> str:
    """A moment, in Unix seconds, to the minute, as this machine's clock has it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, fit: Fit = _ALL) -> None:
    """Aligned columns. A pipe has them whole; on a narrow terminal ``fit`` says which of them go and which are cut."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip_longest(heads, *cells, fillvalue="")]
    if is_terminal():
        # A colour would be cut in two.
        styled = {place for row in cells for place, cell in enumerate(row) if "\x1b" in cell}
        shown = fitted(widths, shutil.get_terminal_size().columns, replace(fit, whole=fit.whole | styled))
    else:
        shown = dict(enumerate(widths))
    out(_line([click.style(head, bold=True) for head in _cut(heads, shown)], shown.values()))
    for row in cells:
        out(_line(_cut(row, shown), shown.values()))
    if not cells:
        say(t("text.none"))


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Names and values under each other."""
    found = [(name, _cell(value)) for name, value in rows]
    width = max((_width(name) for name, _ in found), default=0)
    for name, value in found:
        out(f"{click.style(name, bold=True)}{' ' * (width - _width(name))}  {value}".rstrip())


def size(count: int) -> str:
    """Bytes as people read them."""
    amount, unit = float(count), 0
    while amount >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 or amount >= 100 else f"{amount:.1f} {_UNITS[unit]}"  # noqa: PLR2004


def duration(seconds: float) -> str:
    """A length of time by its two largest units."""
    whole = int(seconds)
    for unit, length, smaller, part in (("d", 86_400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= length:
            return f"{whole // length}{unit}{whole % length // part:02d}{smaller}"
    return f"{whole}s"


def is_terminal(*, err: bool = False) -> bool:
    """Whether a person looks at stdout (or stderr)."""
    return (sys.stderr if err else sys.stdout).isatty()


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    text = str(value)
    # Styled by ``state``: what it wraps was made safe there.
    return text if text.startswith("\x1b[") and text.endswith("\x1b[0m") else safe(text)


def _cut(cells: Sequence[str], widths: Mapping[int, int]) -> list[str]:
    return [
        cells[place] if _width(cells[place]) <= width or "\x1b" in cells[place] else shortened(cells[place], width)
        for place, width in widths.items()
    ]


def _width(text: str) -> int:
    plain = click.unstyle(text)
    if plain.isascii():
        return len(plain)
    from rich.cells import cell_len

    return cell_len(plain)


def _line(cells: Sequence[str], widths: Iterable[int]) -> str:
    return (
        (" " * GAP)
        .join(f"{cell}{' ' * (width - _width(cell))}" for cell, width in zip(cells, widths, strict=False))
        .rstrip()
    )
