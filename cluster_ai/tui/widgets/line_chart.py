"""A figure over the last minutes: its summary in words, and a line of dots below."""

from rich.text import Text

from cluster_ai.tui.drawing import plotted
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.tones import tones


class LineChart(Lines):
    """The summary says the same as the drawing, for those who cannot see it."""

    DEFAULT_CSS = "LineChart { height: 1fr; width: 1fr; padding: 0 1; }"

    def draw(self, summary: str, values: list[float], *, top: float | None = None) -> None:
        """``top`` is the value at the upper edge; the highest shown when None."""
        colours = tones(self.app)
        width, height = self.content_size
        highest = max([*values[-2 * width :], 0.0]) if top is None else top
        rows = plotted(values, width=width, height=max(0, height - 1), top=highest)
        self.show(Text(summary, "bold"), *(Text(row, colours["accent"]) for row in rows))
