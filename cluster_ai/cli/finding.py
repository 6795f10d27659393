"""How a search looks while it goes on, and a find as a row."""

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from cluster_ai.cli import show
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from cluster_ai.nodes.discovery.types import Ended, Found, Progress, Service

HEADS: Final = ("address", "found_name", "how", "services", "usable")
FIT: Final = show.fit_of(HEADS, whole=["address"], spare=("how", "services", "found_name", "usable"))
_MOST_SERVICES: Final = 8
_MOST_ROWS: Final = 20


def row(found: "Found") -> tuple[str, ...]:
    """As ``HEADS`` has it."""
    return (
        ", ".join(filter(None, (found.address, *found.others))),
        ", ".join(found.names[:3]),
        ", ".join(t(f"discover.how.{how}") for how in found.how),
        ", ".join(map(_service, found.services[:_MOST_SERVICES])),
        t("text.yes") if found.why_not is None else t(f"discover.why.{found.why_not}"),
    )


def _service(service: "Service") -> str:
    name = service.name or t(f"discover.kind.{service.kind}")
    return f"{' '.join(filter(None, (show.safe(name), show.safe(service.version))))} :{service.port}"


def remarks(ended: "Ended") -> None:
    """What was not looked at, and why."""
    for one in ended.left_out:
        if one.why != "loopback":
            why = t(f"discover.out.{one.why}")
            show.say(
                t("discover.left_out", network=show.safe(one.network), interface=show.safe(one.interface), why=why)
            )
    if ended.hashed:
        show.say(t("discover.hashed", count=ended.hashed))
    for source, why in ended.problems.items():
        show.say(t("discover.problem", source=source, why=show.safe(why)))


class Shown:
    """A live table on a terminal; a line for each find in a pipe; nothing when ``quiet``."""

    def __init__(self, *, quiet: bool) -> None:
        self._found: dict[str, Found] = {}
        self._progress: dict[str, Progress] = {}
        self._quiet = quiet
        self._live = None if quiet or not show.is_terminal(err=True) else _live()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def found(self, found: "Found") -> None:
        is_new = found.id not in self._found
        self._found[found.id] = found
        if self._live:
            self._draw()
        elif is_new and not self._quiet:
            show.say(t("discover.seen", what=show.safe(found.address or found.id)))

    def progress(self, progress: "Progress") -> None:
        self._progress[progress.stage] = progress
        if self._live:
            self._draw()

    def _draw(self) -> None:
        if self._live:
            self._live.update(_picture(list(self._found.values()), list(self._progress.values())))


def _live() -> "Live":
    from rich.console import Console
    from rich.live import Live

    # What is left on the screen is the whole table, on stdout.
    return Live(console=Console(stderr=True), refresh_per_second=8, transient=True)


def _picture(found: "list[Found]", progress: "list[Progress]") -> "RenderableType":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(*(t(f"column.{name}") for name in HEADS), box=None, pad_edge=False)
    for one in found[-_MOST_ROWS:]:
        table.add_row(*(Text(show.safe(cell)) for cell in row(one)))
    line = " · ".join(f"{t(f'discover.stage.{one.stage}')} {one.done}/{one.total}" for one in progress)
    return Group(table, Text(line, style="dim"))
