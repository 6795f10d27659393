"""Plans and tickets as rows, and why a ticket is where it is. Pure. ``now`` in Unix seconds."""

from collections.abc import Mapping
from typing import Final

from cluster_ai.client import plain
from cluster_ai.plans.types import AttemptView, PlanView, TicketView
from cluster_ai.plans.words import PlanState, TicketState
from cluster_ai.tui.figures import NONE, bar
from cluster_ai.tui.rows import Cell, Column, Row, Tone, Wording, count_cell, name_cell

PLAN_COLUMNS: Final = (
    Column("plan"),
    Column("state"),
    Column("progress"),
    Column("open", numeric=True),
    Column("failed", numeric=True),
    Column("owner"),
    Column("age", numeric=True),
)
TICKET_COLUMNS: Final = (
    Column("ticket"),
    Column("kind"),
    Column("state"),
    Column("attempts", numeric=True),
    Column("done", numeric=True),
    Column("why"),
)
BAR: Final = 10
EXPLAINED: Final = frozenset(
    {
        TicketState.PENDING,
        TicketState.WAITING,
        TicketState.READY,
        TicketState.LEASED,
        TicketState.RETRYING,
        TicketState.CANCELLING,
        TicketState.SKIPPED,
        TicketState.FROZEN,
    }
)
"""States that themselves say why nothing happens (text ``why.STATE``)."""
_MARKS: Final[Mapping[str, tuple[str, Tone]]] = {
    "submitted": ("○", "quiet"),
    "pending": ("○", "quiet"),
    "waiting": ("○", "quiet"),
    "ready": ("○", ""),
    "leased": ("◔", ""),
    "running": ("◔", "good"),
    "retrying": ("◐", "warn"),
    "cancelling": ("◐", "warn"),
    "compensating": ("◐", "warn"),
    "frozen": ("‖", "warn"),
    "succeeded": ("●", "good"),
    "compensated": ("●", "quiet"),
    "cancelled": ("✕", "quiet"),
    "skipped": ("✕", "quiet"),
    "failed": ("✕", "bad"),
    "dead": ("✕", "bad"),
}
_WORST_FIRST: Final[Mapping[Tone, int]] = {"bad": 0, "warn": 1, "": 2, "good": 3, "quiet": 4}


def work_state(state: PlanState | TicketState, words: Wording, *, paused: bool = False) -> Cell:
    """Mark, word and tone; what needs people sorts first."""
    if paused:
        return Cell(f"‖ {words.t('work.paused')}", 1, "warn")
    mark, tone = _MARKS[state]
    return Cell(f"{mark} {words.t(f'work.{state}')}", _WORST_FIRST[tone], tone)


def plan_row(plan: PlanView, words: Wording, *, now: float) -> Row:
    """One plan with its progress drawn."""
    f, share = words.figures, (plan.tickets - plan.open_tickets) / max(1, plan.tickets)
    ended = plan.finished_at or now
    cells = (
        name_cell(plan.name),
        work_state(plan.status, words, paused=plan.paused and not plan.status.ended),
        Cell(f"{bar(share, BAR)} {f.percent(100 * share):>5}", share),
        count_cell(plan.open_tickets, words),
        count_cell(plan.failed, words, tone="bad" if plan.failed else ""),
        name_cell(plan.owner or NONE),
        Cell(f.age(ended - plan.created_at), ended - plan.created_at),
    )
    return Row(plan.plan_id, cells)


def ticket_row(ticket: TicketView, words: Wording) -> Row:
    """One ticket, with why it waits or what went wrong."""
    done = 1.0 if ticket.status is TicketState.SUCCEEDED else ticket.progress
    why = why_of(ticket, words)
    cells = (
        name_cell(ticket.task_id),
        name_cell(ticket.task_type.value),
        work_state(ticket.status, words),
        Cell(f"{ticket.attempt}/{ticket.sla.max_retries + 1}", ticket.attempt),
        Cell(words.figures.percent(100 * done), done),
        Cell(why[:80], why, "bad" if ticket.error_code and ticket.status.ended else "quiet"),
    )
    return Row(ticket.ticket_id, cells)


def why_of(ticket: TicketView, words: Wording) -> str:
    """Why it stands where it does: the error, what it said itself, or what its state means."""
    error = ": ".join(plain(part) for part in (ticket.error_code, ticket.error_message) if part)
    if ticket.status in EXPLAINED:
        meaning = words.t(f"why.{ticket.status}")
        return f"{meaning} · {error}" if error else meaning
    return error or plain(ticket.note)


def attempt_line(attempt: AttemptView, words: Wording, *, now: float) -> str:
    """One attempt: who, how it ended, and how long it took."""
    took = words.figures.age((attempt.ended_at or now) - (attempt.started_at or attempt.leased_at))
    outcome = words.t(f"outcome.{attempt.outcome or 'running'}")
    error = f" · {plain(attempt.error_code)}: {plain(attempt.error)}" if attempt.error_code else ""
    return f"{attempt.n} · {plain(attempt.agent_id) or NONE} · {outcome} · {took}{error}"
