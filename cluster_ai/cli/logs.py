"""``cluster-ai logs``: what the parts write, one file each; and what is found in all of it."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.watching import look_if_any
from cluster_ai.cli.words import t
from cluster_ai.core.errors import NotFound
from cluster_ai.core.paths import Home
from cluster_ai.logs.types import MOST_LINES, LogLine

SUFFIX: Final = ".log"
_PAUSE: Final = 0.2
_BEHIND: Final = 1024 * 1024
"""Of a part that writes just now some bytes are always still to come."""
_LEVELS: Final = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}
_OWN: Final = {"event", "level", "timestamp", "component"}


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


@logs.command("search", help=t("logs.search"))
@click.argument("query", nargs=-1, metavar=t("meta.words"))
@click.option("-n", "--limit", type=click.IntRange(1, MOST_LINES), default=50, show_default=True, help=t("logs.limit"))
@click.option("-f", "--follow", is_flag=True, help=t("logs.follow"))
@as_json
def search(*, query: tuple[str, ...], limit: int, follow: bool, as_json: bool) -> None:
    from cluster_ai.client import log_calls

    asked = " ".join(query)
    with place.client() as client:
        page = client.send(log_calls.search(asked, limit=limit))
    if as_json and not follow:
        show.out_json(page.model_dump(mode="json"))
        return
    for line in reversed(page.items):
        _print_found(line, as_json=as_json)
    if page.kept.lost_bytes or page.kept.behind_bytes > _BEHIND:
        show.say(t("logs.partial", lost=show.size(page.kept.lost_bytes), behind=show.size(page.kept.behind_bytes)))
    if not page.items and not follow:
        show.say(t("logs.none"))
    if follow:
        asyncio.run(_follow(asked, after=page.items[0].number if page.items else None, as_json=as_json))


async def _follow(asked: str, *, after: int | None, as_json: bool) -> None:
    from cluster_ai.cli.events import tell_trouble
    from cluster_ai.client import AsyncClient

    async with (
        AsyncClient.local(place.settings()) as client,
        aclosing(client.log_lines(asked, after=after, on_trouble=tell_trouble)) as messages,
    ):
        async for message in messages:
            _print_found(LogLine.model_validate(message.data), as_json=as_json)


def _print_found(line: LogLine, *, as_json: bool) -> None:
    if as_json:
        show.out_json(line.model_dump(mode="json"), compact=True)
        return
    stamp = datetime.fromtimestamp(line.at, UTC).isoformat()
    said = {"event": line.text, "level": line.level, "timestamp": stamp, **line.fields}
    show.out(f"{stamp[:10]} {show.safe(line.part):<10} | {readable(json.dumps(said))}")


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
