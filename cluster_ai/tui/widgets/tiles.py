"""Tiles: a label, a figure and the last minutes as a line of blocks."""

from dataclasses import dataclass

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal

from cluster_ai.tui.figures import sparkline
from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.tones import tones
from cluster_ai.views import OverviewView

NAMES = ("requests", "tokens", "inflight", "cpu", "memory")


@dataclass(frozen=True, slots=True)
class Figure:
    """What one tile says. ``top`` is the value of a full block; the highest shown when None."""

    text: str
    top: float | None = None


def figures_of(overview: OverviewView, session: Session) -> dict[str, Figure]:
    """By tile."""
    rates, host, f = overview.rates, overview.system.host, session.words.figures
    return {
        "requests": Figure(f.rate(rates.requests_per_second)),
        "tokens": Figure(f.rate(rates.tokens_per_second)),
        "inflight": Figure(f.number(rates.inflight)),
        "cpu": Figure(f.percent(host.cpu), top=100.0),
        "memory": Figure(f.share(host.memory_used, host.memory_total), top=float(host.memory_total)),
    }


class Tiles(Horizontal):
    """The five of the overview."""

    DEFAULT_CSS = """
    Tiles { height: 3; }
    Tiles > Lines { height: 3; padding: 0 1; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(id="tiles")
        self._session = session

    def compose(self) -> ComposeResult:
        for name in NAMES:
            yield Lines(id=f"tile-{name}")

    def draw(self, overview: OverviewView) -> None:
        colours = tones(self.app)
        for name, figure in figures_of(overview, self._session).items():
            tile = self.query_one(f"#tile-{name}", Lines)
            series = self._session.state.figures.get(name)
            blocks = sparkline(series.values() if series else [], tile.content_size.width, top=figure.top)
            tile.show(
                Text(self._session.t(f"tile.{name}"), colours["quiet"]),
                Text(figure.text, "bold"),
                Text(blocks, colours["accent"]),
            )
