"""One node on the whole screen."""

from collections.abc import Iterable

from textual.widget import Widget

from cluster_ai.tui.screens.live import LiveScreen
from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.node_pane import NodePane
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView


class DetailScreen(LiveScreen):
    """Stays on its node, also while that is gone from the cluster."""

    def __init__(self, session: Session, node: str) -> None:
        super().__init__(session)
        self._node = node

    def anew(self) -> LiveScreen:
        return DetailScreen(self.session, self._node)

    def compose_body(self) -> Iterable[Widget]:
        yield NodePane(self.session)

    def draw_data(self, overview: OverviewView) -> None:  # noqa: ARG002 - the state finds the node in it
        self.query_one(NodePane).draw(self.session.state.node(self._node))


class NodeTableScreen(LiveScreen):
    """A screen with the table of nodes, of which each opens."""

    def deeper(self) -> LiveScreen | None:
        node = self.query_one("#panel-nodes", Panel).table.selected
        return DetailScreen(self.session, node) if node else None
