"""The whole cluster on one screen."""

from collections.abc import Iterable

from rich.text import Text
from textual.containers import Container, Vertical
from textual.widget import Widget

from cluster_ai.client import plain
from cluster_ai.tui import rows
from cluster_ai.tui.screens.detail import NodeTableScreen
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.tui.widgets.tiles import Tiles
from cluster_ai.tui.widgets.tones import tones
from cluster_ai.views import OverviewView


class OverviewScreen(NodeTableScreen):
    """Tiles, nodes, parts, workers and models."""

    def compose_body(self) -> Iterable[Widget]:
        t = self.session.t
        yield Lines(id="problem")
        yield Tiles(self.session)
        yield Panel("nodes", rows.NODE_COLUMNS, t)
        yield Container(
            Panel("parts", rows.PART_COLUMNS, t),
            Vertical(
                Panel("workers", rows.WORKER_COLUMNS, t),
                Panel("models", rows.MODEL_COLUMNS, t),
                id="right",
            ),
            id="lower",
        )

    def draw_data(self, overview: OverviewView) -> None:
        words = self.session.words
        self._draw_problems(overview)
        self.query_one(Tiles).draw(overview)
        gateway_gone = "" if overview.gateway_reachable else self.session.t("empty.gateway")
        self._show("nodes", [rows.node_row(node, words) for node in overview.nodes], empty=gateway_gone)
        self._show("models", [rows.model_row(model, words) for model in overview.models], empty=gateway_gone)
        self._show("parts", [rows.part_row(part, words) for part in overview.system.parts])
        compute = overview.compute
        why = "" if compute.reachable else self.session.t("empty.scheduler", error=plain(compute.error))
        self._show("workers", [rows.worker_row(worker, words) for worker in compute.workers], empty=why)

    def _show(self, name: str, shown: list[rows.Row], *, empty: str = "") -> None:
        self.query_one(f"#panel-{name}", Panel).show(shown, empty=empty)

    def _draw_problems(self, overview: OverviewView) -> None:
        line = self.query_one("#problem", Lines)
        problems = overview.system.problems
        line.display = bool(problems)
        if problems:
            more = f" (+{len(problems) - 1})" if len(problems) > 1 else ""
            line.show(Text(f" ! {plain(problems[0])}{more}", tones(self.app)["warn"]))
