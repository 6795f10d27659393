"""``cluster-ai logs``: what the parts write, one file each."""

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb
from cluster_ai.cli.watching import look_if_any
from cluster_ai.cli.words import t
from cluster_ai.core.errors import NotFound
from cluster_ai.core.paths import Home

SUFFIX: Final = ".log"
_PAUSE: Final = 0.2
_LEVELS: Final = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}
_OWN: Final = {"event", "level", "timestamp", "component"}


@click.command(cls=Verb, help=t("logs.help"))
@click.argument("part", required=False, metavar=t("meta.part_optional"))
@click.option("-f", "--follow", is_flag=True, help=t("logs.follow"))
@click.option("-n", "--lines", type=click.IntRange(min=0), default=20, metavar="N", help=t("logs.lines"))
@click.option("--raw", is_flag=True, help=t("logs.raw"))
def logs(*, part: str | None, follow: bool, lines: int, raw: bool) -> None:
    chosen = _chosen(place.home(), part)
    look = Look(raw=raw or not show.is_terminal(), named=len(chosen) > 1)
    files = [File(name, path) for name, path in chosen.items()]
    for file in files:
        for line in file.last(lines):
            look.print(file.name, line)
    while follow:
        for file in files:
            for line in file.more():
                look.print(file.name, line)
        time.sleep(_PAUSE)


def _chosen(home: Home, part: str | None) -> dict[str, Path]:
    """The log files asked for, by part.

    Raises:
        NotFound: no such part, or nothing was ever started here.
    """
    known = {path.name.removesuffix(SUFFIX): path for path in sorted(home.logs.glob(f"*{SUFFIX}"))}
    view = look_if_any(home)
    known |= {found.name: Path(found.log) for found in (view.parts if view else ()) if found.log}
    if part is None:
        if not known:
            raise NotFound(f"there are no logs in {home.logs}", hint="./manager.sh start")
        return known
    if part not in known:
        values = {"about": "part", "name": part}
        raise NotFound(f"no part is called {part}", hint=", ".join(known) or "./manager.sh start", values=values)
    return {part: known[part]}


@dataclass
class File:
    """A log file that may not be there yet, grow, or be turned over."""

    name: str
    path: Path
    _at: int = 0
    _inode: int = 0
    _rest: str = field(default="", repr=False)

    def last(self, count: int) -> list[str]:
        """The last lines; ``more`` goes on behind them."""
        return list(deque(self.more(), maxlen=count))

    def more(self) -> Iterator[str]:
        """Whole lines that came since the last time."""
        try:
            with self.path.open("rb") as file:
                found = self.path.stat()
                if found.st_ino != self._inode or found.st_size < self._at:
                    self._at, self._inode, self._rest = 0, found.st_ino, ""
                file.seek(self._at)
                data = file.read()
                self._at += len(data)
        except FileNotFoundError:
            return
        *whole, self._rest = (self._rest + data.decode("utf-8", errors="replace")).split("\n")
        yield from whole


@dataclass(frozen=True)
class Look:
    """How a line looks: as it was written, or as a person reads it."""

    raw: bool
    named: bool

    def print(self, part: str, line: str) -> None:
        front = f"{part:<10} | " if self.named else ""
        show.out(f"{front}{show.safe(line, keep=chr(9)) if self.raw else readable(line)}")


def readable(line: str) -> str:
    """A JSON line as ``time level event key=value``; any other line as it is."""
    try:
        said = json.loads(line)
    except ValueError:
        return show.safe(line, keep="\t")
    if not isinstance(said, dict) or "event" not in said:
        return show.safe(line, keep="\t")
    level = str(said.get("level", ""))
    when = str(said.get("timestamp", ""))[11:19]
    rest = " ".join(f"{key}={value}" for key, value in said.items() if key not in _OWN)
    text = show.safe(f"{when} {level:<8} {said['event']}  {rest}".rstrip(), keep="\n\t")
    return click.style(text, fg=_LEVELS[level]) if level in _LEVELS else text
