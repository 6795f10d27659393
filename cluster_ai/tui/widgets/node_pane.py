"""One node: its facts, its models and its speed."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from cluster_ai.tui.facts import facts_of
from cluster_ai.tui.rows import NODE_MODEL_COLUMNS, node_model_row, shown_name
from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.chart import SpeedChart
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.tui.widgets.tones import tones
from cluster_ai.views import NodeView

LABEL_WIDTH = 15


class NodePane(Horizontal):
    """Facts and models on the left, the chart on the right."""

    DEFAULT_CSS = """
    NodePane > Vertical { width: 44; }
    .-wide NodePane > Vertical { width: 1fr; }
    NodePane Lines#facts { height: 9; padding: 0 1; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(id="node-pane")
        self._session = session

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Lines(id="facts")
            yield Panel("held", NODE_MODEL_COLUMNS, self._session.t)
        yield SpeedChart(self._session)

    def draw(self, node: NodeView | None) -> None:
        """None when there is none, or none by that name any more."""
        words = self._session.words
        self.query_one("#facts", Lines).show(*self._facts(node))
        models = node.models if node else ()
        self.query_one(Panel).show([node_model_row(model, words) for model in models])
        series = self._session.state.node_speed.get(node.name) if node else None
        self.query_one(SpeedChart).draw(series.values() if series else [])

    def _facts(self, node: NodeView | None) -> list[Text]:
        session, colours = self._session, tones(self.app)
        if node is None:
            return [Text(session.t("empty.nodes"), colours["warn"])]
        lines = [Text(shown_name(node.name), "bold")]
        for label, cell in facts_of(node, session.words).items():
            heading = session.t(f"fact.{label}")
            lines.append(
                Text.assemble((heading.ljust(LABEL_WIDTH), colours["quiet"]), (cell.text, colours.get(cell.tone, "")))
            )
        return lines
