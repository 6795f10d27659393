"""The gateway's last decisions: which node a call went to, and why."""

from collections.abc import Iterable
from typing import Final

from textual import on
from textual.widget import Widget
from textual.widgets import Static

from cluster_ai.client import AsyncClient, records
from cluster_ai.gateway.types import DecisionView
from cluster_ai.tui import decision_rows as rows
from cluster_ai.tui.rows import Row
from cluster_ai.tui.screens.watching import WatchScreen
from cluster_ai.tui.widgets.live_table import LiveTable
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView

SHOWN: Final = 100
Decisions = tuple[DecisionView, ...]


class RoutingScreen(WatchScreen[Decisions]):
    """Decisions, the newest first; the one under the cursor with all its candidates."""

    async def ask(self, client: AsyncClient) -> Decisions:
        return (await client.send(records.decisions(SHOWN))).items

    def summary(self) -> str:
        known = self.look.value or ()
        again = sum(bool(one.tried) for one in known)
        return self.session.t("routing.summary", count=len(known), again=again)

    def compose_watched(self) -> Iterable[Widget]:
        panel = Panel("decisions", rows.DECISION_COLUMNS, self.session.t)
        panel.table.top_stays = True
        yield panel
        yield Static(id="pane", markup=False)

    def draw_watched(self, overview: OverviewView, known: Decisions | None) -> None:
        gone = "" if overview.gateway_reachable else self.session.t("empty.gateway")
        self.query_one(Panel).show(list(self._rows(known or ()).values()), empty=gone or self.why)
        self._draw_pane()

    @on(LiveTable.RowHighlighted)
    def _draw_pane(self) -> None:
        known, selected = self.look.value or (), self.query_one(Panel).table.selected
        keys = list(self._rows(known))
        chosen = known[keys.index(selected)] if selected in keys else None
        text = rows.decision_text(chosen, self.session.words) if chosen else ""
        self.query_one("#pane", Static).update(text)

    def _rows(self, known: Decisions) -> dict[str, Row]:
        """By key. A request that was sent on twice has two decisions."""
        found: dict[str, Row] = {}
        for number, one in enumerate(known):
            row = rows.decision_row(one, self.session.words, number=len(known) - number)
            key = row.key if row.key not in found else f"{row.key} #{len(known) - number}"
            found[key] = Row(key, row.cells)
        return found
