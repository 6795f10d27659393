"""A line of braille dots: the one place that knows plotext, imported when the first chart is shown."""

from textual.color import Color
from textual_plotext import PlotextPlot

from cluster_ai.tui.widgets.tones import tones


class LinePlot(PlotextPlot):
    """One figure over the last ``span`` snapshots, the newest on the right."""

    def __init__(self, span: int) -> None:
        super().__init__()
        self._span = span

    def draw(self, values: list[float]) -> None:
        plot = self.plt
        plot.clear_data()
        plot.clear_figure()
        plot.frame(False)  # noqa: FBT003 - the library's signature
        if values:
            ages = [index - len(values) + 1 for index in range(len(values))]
            plot.plot(ages, values, marker="braille", color=Color.parse(tones(self.app)["accent"]).rgb)
            plot.ylim(0, max([*values, 1.0]) * 1.1)
            plot.yfrequency(4)
            plot.xlim(1 - self._span, 0)
            plot.xticks(*self._ticks())
        self.refresh()

    def _ticks(self) -> tuple[list[float], list[str]]:
        ages = [self._span - 1.0, self._span // 2, 0.0]
        return [-age for age in ages], [f"-{self._span} s", f"-{self._span // 2} s", "0"]
