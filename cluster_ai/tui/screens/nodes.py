"""Every node in a table, and the one under the cursor below it."""

from collections.abc import Iterable

from textual import on
from textual.widget import Widget

from cluster_ai.tui import rows
from cluster_ai.tui.screens.detail import NodeTableScreen
from cluster_ai.tui.widgets.live_table import LiveTable
from cluster_ai.tui.widgets.node_pane import NodePane
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView


class NodesScreen(NodeTableScreen):
    """Sort with ``s``, filter with ``/``; ``d`` gives the node the whole screen."""

    FILTERED = "#panel-nodes"

    def compose_body(self) -> Iterable[Widget]:
        yield Panel("nodes", rows.NODE_COLUMNS, self.session.t)
        yield NodePane(self.session)

    def draw_data(self, overview: OverviewView) -> None:
        words = self.session.words
        gone = "" if overview.gateway_reachable else self.session.t("empty.gateway")
        shown = [rows.node_row(node, words) for node in overview.nodes]
        self.query_one("#panel-nodes", Panel).show(shown, empty=gone)
        self._draw_pane()

    @on(LiveTable.RowHighlighted, "#table-nodes")
    def _draw_pane(self) -> None:
        self.query_one(NodePane).draw(
            self.session.state.node(self.query_one("#panel-nodes", Panel).table.selected or "")
        )
