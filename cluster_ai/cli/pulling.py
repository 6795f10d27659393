"""Progress of nodes that fetch a model: a row for each, redrawn on a terminal; in a pipe a line for what is new."""

import shutil
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from cluster_ai.cli import show
from cluster_ai.cli.bar import Bar

if TYPE_CHECKING:
    from cluster_ai.client.calls import PullStep

WIDTH: Final = 16
_LEAST_SECONDS: Final = 0.1
_UP_AND_CLEAR: Final = "\x1b[{}A\x1b[J"
_TENTHS: Final = 10


def follow(steps: "Iterable[PullStep]") -> None:
    """Shows a pull until it ends. Steps of one node come without its name, those of several with it."""
    rows, last = Rows(), ""
    with Bar() as bar:
        for step in steps:
            if step.node:
                rows.show(step)
                continue
            if step.status != last:
                last = step.status
                bar.line(show.safe(last))
            if step.total:
                bar.draw(step.completed, step.total, of=show.size(step.total))


class Rows:
    """What each node does now."""

    def __init__(self) -> None:
        self._redraws = show.is_terminal(err=True)
        self._steps: dict[str, PullStep] = {}
        self._drawn = 0
        self._drawn_at = 0.0

    def show(self, step: "PullStep") -> None:
        before = self._steps.get(step.node)
        self._steps[step.node] = step
        news = before is None or before.status != step.status
        if not self._redraws:
            if news or _tenth(before) != _tenth(step):
                show.say(row(step))
        elif news or time.monotonic() - self._drawn_at >= _LEAST_SECONDS:
            self._draw()

    def _draw(self) -> None:
        # A row that wraps would not be found again by its number.
        columns = shutil.get_terminal_size().columns - 1
        width = max(map(len, self._steps))
        rows = [row(step, width=width, bar=True)[:columns] for step in self._steps.values()]
        back = _UP_AND_CLEAR.format(self._drawn) if self._drawn else ""
        show.say(back + "\n".join(rows))
        self._drawn, self._drawn_at = len(rows), time.monotonic()


def row(step: "PullStep", *, width: int = 0, bar: bool = False) -> str:
    """A node's name, how much of its layer has come, and what it says."""
    parts = [show.safe(step.node).ljust(width)]
    if step.total:
        share = min(1.0, step.completed / step.total)
        full = round(share * WIDTH)
        parts += [f"{'█' * full}{'░' * (WIDTH - full)}"] if bar else []
        parts.append(f"{share:4.0%}  {show.size(step.total)}")
    return "  ".join([*parts, show.safe(step.status)])


def _tenth(step: "PullStep | None") -> int:
    return int(step.completed / step.total * _TENTHS) if step and step.total else 0
