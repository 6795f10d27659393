"""Every model, and the nodes that have it."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.widget import Widget

from cluster_ai.catalog.types import Pin
from cluster_ai.client import AsyncClient, catalog_calls, plain
from cluster_ai.tui import model_rows as rows
from cluster_ai.tui.actions import Action
from cluster_ai.tui.screens.watching import WatchScreen
from cluster_ai.tui.widgets.live_table import LiveTable
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView


class ModelsScreen(WatchScreen[tuple[Pin, ...]]):
    """Models come with the snapshot; what is pinned is asked for."""

    FILTERED = "#panel-models"
    EVERY: ClassVar[float] = 10.0

    async def ask(self, client: AsyncClient) -> tuple[Pin, ...]:
        return await client.send(catalog_calls.pins())

    def summary(self) -> str:
        return self.session.t("models.summary", pins=len(self.look.value or ()))

    def compose_watched(self) -> Iterable[Widget]:
        yield Panel("models", rows.FLEET_COLUMNS, self.session.t)
        yield Panel("holders", rows.HOLDER_COLUMNS, self.session.t)

    def draw_watched(self, overview: OverviewView, known: tuple[Pin, ...] | None) -> None:
        words, pins = self.session.words, self._pins(known)
        gone = "" if overview.gateway_reachable else self.session.t("empty.gateway")
        shown = [rows.fleet_row(model, overview.nodes, pins, words) for model in overview.models]
        self.query_one("#panel-models", Panel).show(shown, empty=gone)
        self._draw_holders()

    @on(LiveTable.RowHighlighted, "#table-models")
    def _draw_holders(self) -> None:
        overview, wanted = self.session.state.overview, self._model
        pins, words = self._pins(self.look.value), self.session.words
        held = [(node, model) for node in (overview.nodes if overview else ()) for model in node.models]
        shown = [rows.holder_row(node, model, pins, words) for node, model in held if model.name == wanted]
        self.query_one("#panel-holders", Panel).show(shown)

    @property
    def _model(self) -> str | None:
        return self.query_one("#panel-models", Panel).table.selected

    def _pins(self, known: tuple[Pin, ...] | None) -> set[tuple[str, str]] | None:
        return None if known is None else {(pin.model, pin.node) for pin in known}

    def actions(self) -> list[Action]:
        """On every node that has the model, and on the one under the cursor below."""
        t, model = self.session.t, self._model
        if model is None:
            return []
        node = self.query_one("#panel-holders", Panel).table.selected
        places = [(t("model.everywhere"), ()), *([(node, (node,))] if node else [])]
        return [
            Action(
                t(f"model.{verb}", model=model, place=place),
                catalog_calls.change(model, verb, nodes=nodes),
                problem=_problem,
            )
            for verb in ("load", "unload")
            for place, nodes in places
        ]


def _problem(outcomes: tuple[catalog_calls.Outcome, ...]) -> str:
    return " · ".join(f"{one.node}: {plain(one.error)}" for one in outcomes if one.error)
