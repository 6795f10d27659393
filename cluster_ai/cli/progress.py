"""How a start looks while it is under way: a table that is redrawn on a terminal, one line a change in a pipe."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cluster_ai.cli import show
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cluster_ai.supervisor.types import PartView, SupervisorView

Shown = Callable[["SupervisorView"], None]
_MARKS: Final = {"ready": ("✔", "green"), "failed": ("✘", "red"), "backoff": ("↻", "yellow")}
_TROUBLE: Final = frozenset({"backoff", "failed", "unhealthy"})


@contextmanager
def progress() -> Iterator[Shown]:
    """A function that shows the parts as they are now, on stderr."""
    if not show.is_terminal(err=True):
        yield Lines().show
        return
    from rich.console import Console
    from rich.live import Live

    began, seen = time.monotonic(), Times()
    with Live(console=Console(stderr=True), refresh_per_second=8, transient=False) as live:

        def draw(view: "SupervisorView") -> None:
            seen.note(view, time.monotonic() - began)
            live.update(_picture(view, seen))

        yield draw


class Lines:
    """Says each change once."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seen: dict[str, str] = {}

    def show(self, view: "SupervisorView") -> None:
        for part in view.parts:
            if self._seen.get(part.name) != part.state:
                self._seen[part.name] = part.state
                show.say(f"{time.monotonic() - self._began:5.1f} s  {part.name:<12}{described(part)}")


class Times:
    """When each part came to be as it is, in seconds from the start."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, float]] = {}

    def note(self, view: "SupervisorView", now: float) -> None:
        for part in view.parts:
            if self._seen.get(part.name, ("", 0.0))[0] != part.state:
                self._seen[part.name] = (part.state, now)

    def of(self, name: str) -> float:
        return self._seen.get(name, ("", 0.0))[1]


def described(part: "PartView") -> str:
    """A part's state as a sentence, with why it is not better."""
    text = t(f"state.{part.state}")
    why = " · ".join(show.safe(reason) for reason in (part.last_exit, part.error) if reason)
    return f"{text} ({why})" if why and part.state in _TROUBLE else text


def _picture(view: "SupervisorView", times: Times) -> "RenderableType":
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    for part in view.parts:
        mark, colour = _MARKS.get(part.state, ("", "cyan"))
        first = Text(mark, style=colour) if mark else Spinner("dots", style=colour)
        grid.add_row(first, part.name, Text(described(part), style=colour), f"{times.of(part.name):.1f} s")
    return grid
