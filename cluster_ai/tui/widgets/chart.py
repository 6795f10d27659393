"""Tokens per second of one node over the last minutes, drawn in braille dots, with its summary in words."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.tones import tones

SHOWN = 120


class SpeedChart(Vertical):
    """The summary says the same as the drawing, for those who cannot see it."""

    DEFAULT_CSS = "SpeedChart > LinePlot { height: 1fr; min-height: 4; }"

    def __init__(self, session: Session) -> None:
        super().__init__(id="chart")
        # The plotting library costs 60 ms and 1.5 MiB, and the first screen does without it.
        from cluster_ai.tui.widgets.plot import LinePlot  # noqa: PLC0415

        self._session = session
        self._plot = LinePlot(SHOWN)
        self._drawn: list[float] = []

    def compose(self) -> ComposeResult:
        yield Lines(id="chart-summary")
        yield self._plot

    def draw(self, values: list[float]) -> None:
        shown = values[-SHOWN:]
        if shown == self._drawn:
            return
        self._drawn = shown
        f, t = self._session.words.figures, self._session.t
        summary = t("chart.none")
        if shown:
            now, mean, most = (f.rate(value) for value in (shown[-1], sum(shown) / len(shown), max(shown)))
            summary = t("chart.speed", now=now, mean=mean, most=most)
        self.query_one(Lines).show(Text(summary, tones(self.app)["quiet"]))
        self._plot.draw(shown)
