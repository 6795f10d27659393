"""What is promised, what is left of it, how fast it is spent, and what that forbids."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual.widget import Widget

from cluster_ai.client import AsyncClient, slo_calls
from cluster_ai.slo.types import BudgetView, FreezeView, ObjectiveView
from cluster_ai.tui import slo_rows as rows
from cluster_ai.tui.actions import Action
from cluster_ai.tui.screens.watching import WatchScreen
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView


@dataclass(frozen=True, slots=True)
class Known:
    """Objectives, budgets by objective, and the freezes that hold."""

    objectives: tuple[ObjectiveView, ...]
    budgets: dict[str, BudgetView]
    freezes: tuple[FreezeView, ...]


class SlosScreen(WatchScreen[Known]):
    """Objectives above, freezes below."""

    EVERY: ClassVar[float] = 10.0
    """The API works budgets out each half minute."""

    async def ask(self, client: AsyncClient) -> Known:
        objectives = await client.send(slo_calls.slos())
        budgets = {budget.slo_id: budget for budget in await client.send(slo_calls.budgets())}
        return Known(objectives, budgets, await client.send(slo_calls.freezes()))

    def summary(self) -> str:
        known = self.look.value
        firing = sum(budget.violations for budget in known.budgets.values()) if known else 0
        return self.session.t("slos.summary", fires=firing, freezes=len(known.freezes) if known else 0)

    def compose_watched(self) -> Iterable[Widget]:
        yield Panel("slos", rows.SLO_COLUMNS, self.session.t)
        yield Panel("freezes", rows.FREEZE_COLUMNS, self.session.t)

    def draw_watched(self, overview: OverviewView, known: Known | None) -> None:
        words, now = self.session.words, overview.at
        objectives, freezes = (known.objectives, known.freezes) if known else ((), ())
        budgets = known.budgets if known else {}
        shown = [rows.slo_row(one, budgets.get(one.slo_id), words) for one in objectives]
        self.query_one("#panel-slos", Panel).show(shown, empty=self.why)
        frozen = [rows.freeze_row(freeze, words, now=now) for freeze in freezes]
        self.query_one("#panel-freezes", Panel).show(frozen, empty=self.why)

    def actions(self) -> list[Action]:
        """The budget is worked out afresh; freezes end by themselves, or where a reason can be written."""
        slo = self.query_one("#panel-slos", Panel).table.selected
        return [Action(self.session.t("slo.again", name=slo), slo_calls.budget(slo, again=True))] if slo else []
