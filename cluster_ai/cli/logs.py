"""``cluster-ai logs``: what the parts write, one file each; and what is found in all of it."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.log_lines import readable
from cluster_ai.cli.log_search import search
from cluster_ai.cli.noun import Noun
from cluster_ai.cli.watching import look_if_any
from cluster_ai.cli.words import t
from cluster_ai.core.errors import NotFound
from cluster_ai.core.paths import Home

__all__ = ["File", "logs", "readable"]

SUFFIX: Final = ".log"
_PAUSE: Final = 0.2


class _Logs(Noun):
    """``logs``, ``logs -f`` and ``logs gateway`` show files: what is no verb is said to the verb that does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = bool(args) and args[0] in ctx.help_option_names
        words = args if asks_for_help or args[:1] in ([name] for name in self.commands) else ["show", *args]
        return super().parse_args(ctx, words)


@click.group(cls=_Logs, help=t("logs.help"))
def logs() -> None:
    pass


@logs.command("show", help=t("logs.show"))
@click.argument("part", required=False, metavar=t("meta.part_optional"))
@click.option("-f", "--follow", is_flag=True, help=t("logs.follow"))
@click.option("-n", "--lines", type=click.IntRange(min=0), default=20, metavar="N", help=t("logs.lines"))
@click.option("--raw", is_flag=True, help=t("logs.raw"))
def show_files(*, part: str | None, follow: bool, lines: int, raw: bool) -> None:
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


logs.add_command(search)


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
