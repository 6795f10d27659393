"""Objectives, what is left of their budgets, and freezes as rows. Pure. ``now`` in Unix seconds."""

from collections.abc import Mapping
from typing import Final

from cluster_ai.client import plain
from cluster_ai.slo.types import BudgetView, FreezeView, ObjectiveView, Status
from cluster_ai.tui.figures import NONE, bar
from cluster_ai.tui.rows import Cell, Column, Row, Tone, Wording, name_cell

SLO_COLUMNS: Final = (
    Column("objective"),
    Column("state"),
    Column("target", numeric=True),
    Column("measured", numeric=True),
    Column("left"),
    Column("burn"),
    Column("fires", numeric=True),
)
FREEZE_COLUMNS: Final = (
    Column("policy"),
    Column("scope"),
    Column("forbids"),
    Column("age", numeric=True),
    Column("why"),
)
LEFT_BAR: Final = 8
BURN_BAR: Final = 5
FASTEST: Final = 14.4
"""The burn rate of a full bar: what pages somebody after an hour, in the SRE workbook's table 5-8."""
HOUR: Final = 3600
_MARKS: Final[Mapping[Status, tuple[str, Tone, int]]] = {
    Status.EXHAUSTED: ("✕", "bad", 0),
    Status.CRITICAL: ("✕", "bad", 1),
    Status.WARNING: ("◐", "warn", 2),
    Status.HEALTHY: ("●", "good", 3),
    Status.NO_DATA: ("○", "quiet", 4),
}


def slo_row(view: ObjectiveView, budget: BudgetView | None, words: Wording) -> Row:
    """One objective; ``budget`` is None where none was worked out yet."""
    status = budget.status if budget else Status.NO_DATA
    mark, tone, order = _MARKS[status]
    fires = budget.violations if budget else 0
    cells = (
        name_cell(view.objective.name),
        Cell(f"{mark} {words.t(f'budget.{status}')}", order, tone),
        _share(view.objective.target, words),
        _share(budget.sli_value if budget else None, words),
        _left(budget, words, tone=tone),
        _burn(budget, words),
        Cell(words.figures.number(fires), fires, "bad" if fires else ""),
    )
    return Row(view.slo_id, cells)


def freeze_row(freeze: FreezeView, words: Wording, *, now: float) -> Row:
    """One freeze that holds."""
    scope = f"{freeze.scope.value} {plain(freeze.target)}".rstrip()
    forbids = " ".join(words.t(f"freeze.{action.value}") for action in freeze.actions)
    cells = (
        name_cell(freeze.policy_name or freeze.policy_id),
        Cell(scope, scope),
        Cell(forbids, forbids, "warn"),
        Cell(words.figures.age(now - freeze.triggered_at), now - freeze.triggered_at),
        Cell(plain(freeze.reason)[:80] or NONE, freeze.reason),
    )
    return Row(freeze.event_id, cells)


def burn_rate(budget: BudgetView) -> float | None:
    """Of the last hour, else of the shortest window that is known."""
    known = {burn.window_seconds: burn.burn_rate for burn in budget.burn_rates if burn.burn_rate is not None}
    return known.get(HOUR, known[min(known)] if known else None)


def _share(value: float | None, words: Wording) -> Cell:
    if value is None:
        return Cell(NONE, -1.0, "quiet")
    digits = 2 if value < 1 else 0
    return Cell(f"{words.figures.number(100 * value, digits)} %", value)


def _left(budget: BudgetView | None, words: Wording, *, tone: Tone) -> Cell:
    if budget is None or budget.remaining is None:
        return Cell(NONE, 2.0, "quiet")
    share = words.figures.percent(100 * budget.remaining)
    return Cell(f"{bar(budget.remaining, LEFT_BAR)} {share:>5}", budget.remaining, tone)


def _burn(budget: BudgetView | None, words: Wording) -> Cell:
    rate = burn_rate(budget) if budget else None
    if rate is None:
        return Cell(NONE, -1.0, "quiet")
    tone: Tone = "bad" if rate >= FASTEST else "warn" if rate > 1 else ""
    return Cell(f"{bar(rate / FASTEST, BURN_BAR)} {words.figures.rate(rate)}x", rate, tone)
