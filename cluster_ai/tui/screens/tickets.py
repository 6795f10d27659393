"""Plans with their progress; the tickets of one are a screen below."""

from collections.abc import Iterable
from typing import ClassVar, Final

from textual.widget import Widget

from cluster_ai.client import AsyncClient, plan_calls
from cluster_ai.plans.types import PlanPage, PlanView
from cluster_ai.tui import plan_deeds as deeds
from cluster_ai.tui import plan_rows as rows
from cluster_ai.tui.screens.paging import PagedScreen
from cluster_ai.tui.screens.plan import PlanScreen
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView

PAGE: Final = 50


class TicketsScreen(PagedScreen[PlanPage]):
    """Plans, the newest first."""

    DETAILED = "table-plans"
    STATES: ClassVar[tuple[str, ...]] = ("", "submitted", "running", "failed", "succeeded", "cancelled")

    async def ask(self, client: AsyncClient) -> PlanPage:
        page = await client.send(plan_calls.plans(status=self.state, cursor=self.pages.cursor, limit=PAGE))
        self.pages.next = page.next
        return page

    def compose_watched(self) -> Iterable[Widget]:
        yield Panel("plans", rows.PLAN_COLUMNS, self.session.t)

    def draw_watched(self, overview: OverviewView, known: PlanPage | None) -> None:
        plans = known.items if known else ()
        shown = [rows.plan_row(plan, self.session.words, now=overview.at) for plan in plans]
        self.query_one(Panel).show(shown, empty=self.why)

    @property
    def _plan(self) -> PlanView | None:
        wanted = self.query_one(Panel).table.selected
        plans = self.look.value.items if self.look.value else ()
        return next((plan for plan in plans if plan.plan_id == wanted), None)

    def deeper(self) -> PlanScreen | None:
        return PlanScreen(self.session, plan=self._plan) if self._plan else None

    def actions(self) -> deeds.Deeds:
        return deeds.plan_deeds(self._plan, self.session.t)
