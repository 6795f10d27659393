"""Tokens per second of one node over the last minutes, drawn in braille dots, with its summary in words."""

from rich.text import Text
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual_plotext import PlotextPlot

from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.tones import tones

SHOWN = 120


class SpeedChart(Vertical):
    """The summary says the same as the drawing, for those who cannot see it."""

    DEFAULT_CSS = "SpeedChart > PlotextPlot { height: 1fr; min-height: 4; }"

    def __init__(self, session: Session) -> None:
        super().__init__(id="chart")
        self._session = session
        self._drawn: list[float] = []

    def compose(self) -> ComposeResult:
        yield Lines(id="chart-summary")
        yield PlotextPlot()

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
        self._plot(shown)

    def _colour(self) -> tuple[int, int, int]:
        return Color.parse(tones(self.app)["accent"]).rgb

    def _plot(self, shown: list[float]) -> None:
        chart = self.query_one(PlotextPlot)
        plot = chart.plt
        plot.clear_data()
        plot.clear_figure()
        plot.frame(False)  # noqa: FBT003 - the library's signature
        if shown:
            ages = [index - len(shown) + 1 for index in range(len(shown))]
            plot.plot(ages, shown, marker="braille", color=self._colour())
            plot.ylim(0, max(*shown, 1.0) * 1.1)
            plot.yfrequency(4)
            plot.xlim(1 - SHOWN, 0)
            plot.xticks([1 - SHOWN, -SHOWN // 2, 0], [f"-{SHOWN} s", f"-{SHOWN // 2} s", "0"])
        chart.refresh()
