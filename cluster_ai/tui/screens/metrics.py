"""Figures of the cluster: gauges of what is used, and lines of the last minutes."""

from collections.abc import Iterable
from typing import Final

from rich.text import Text
from textual.containers import Container
from textual.widget import Widget

from cluster_ai.tui.figures import NONE, bar
from cluster_ai.tui.screens.live import LiveScreen
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.line_chart import LineChart
from cluster_ai.tui.widgets.tones import tones
from cluster_ai.views import OverviewView

CHARTS: Final = ("requests", "tokens", "inflight", "cpu")
GAUGES: Final = ("cpu", "memory", "disk", "workers")
FULL: Final = 0.9
"""Beyond that share a gauge warns."""


class MetricsScreen(LiveScreen):
    """All of it comes with the snapshot; the lines hold what came since the program started."""

    def compose_body(self) -> Iterable[Widget]:
        yield Lines(id="gauges")
        yield Lines(id="totals")
        yield Container(*(LineChart(id=f"line-{name}") for name in CHARTS), id="lines")

    def draw_data(self, overview: OverviewView) -> None:
        width = max(10, self.size.width - 40)
        self.query_one("#gauges", Lines).show(*(self._gauge(name, overview, width) for name in GAUGES))
        self.query_one("#totals", Lines).show(self._totals(overview))
        for name in CHARTS:
            self._draw_line(name)

    def _draw_line(self, name: str) -> None:
        f, t = self.session.words.figures, self.session.t
        series = self.session.state.figures.get(name)
        values = series.values() if series else []
        mean = sum(values) / len(values) if values else None
        now, most = (f.number(values[-1]), f.number(max(values))) if values else (NONE, NONE)
        text = t("metrics.line", name=t(f"tile.{name}"), now=now, mean=f.rate(mean), most=most)
        self.query_one(f"#line-{name}", LineChart).draw(text, values, top=100.0 if name == "cpu" else None)

    def _gauge(self, name: str, overview: OverviewView, width: int) -> Text:
        share, told = self._share(name, overview)
        tone = tones(self.app)["warn" if share > FULL else "accent"]
        return Text.assemble(f" {self.session.t(f'gauge.{name}'):<16}", (bar(share, width), tone), f" {told}")

    def _share(self, name: str, overview: OverviewView) -> tuple[float, str]:
        """Of a whole, and that in words."""
        f, host, workers = self.session.words.figures, overview.system.host, overview.compute.workers
        if name == "cpu":
            return host.cpu / 100, f.percent(host.cpu)
        used, total = {
            "memory": (host.memory_used, host.memory_total),
            "disk": (host.disk_used, host.disk_total),
            "workers": (sum(one.memory for one in workers), sum(one.memory_limit for one in workers)),
        }[name]
        return used / max(1, total), f.share(used, total)

    def _totals(self, overview: OverviewView) -> Text:
        f, rates = self.session.words.figures, overview.rates
        text = self.session.t(
            "metrics.totals",
            requests=f.number(rates.requests_total),
            errors=f.number(rates.errors_total),
            tokens=f.number(rates.output_tokens_total),
            rate=f.rate(rates.errors_per_second),
        )
        return Text(f" {text}", tones(self.app)["warn" if rates.errors_per_second else "quiet"])
