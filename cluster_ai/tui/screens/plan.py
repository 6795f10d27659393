"""One plan: its tickets page by page, and the one under the cursor with its attempts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from rich.text import Text
from textual import on
from textual.widget import Widget
from textual.widgets import Static

from cluster_ai.client import AsyncClient, plain, plan_calls
from cluster_ai.plans.types import HistoryView, PlanView, TicketPage, TicketView
from cluster_ai.tui import plan_deeds as deeds
from cluster_ai.tui import plan_rows as rows
from cluster_ai.tui.screens.paging import PagedScreen
from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.live_table import LiveTable
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView

PAGE: Final = 100
SHOWN_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class Known:
    """What was asked: the plan, a page of its tickets, and one of them in full."""

    plan: PlanView
    page: TicketPage
    ticket: TicketView | None = None
    history: HistoryView | None = None


class PlanScreen(PagedScreen[Known]):
    """Stays on its plan."""

    DETAILED = ""
    STATES: ClassVar[tuple[str, ...]] = (
        *("", "waiting", "ready", "running", "retrying"),
        *("frozen", "failed", "dead", "succeeded"),
    )

    def __init__(self, session: Session, state: str = "", *, plan: PlanView) -> None:
        super().__init__(session, state)
        self._plan = plan
        self._asked = ""

    async def ask(self, client: AsyncClient) -> Known:
        filters = {"plan_id": self._plan.plan_id, "status": self.state}
        plan = await client.send(plan_calls.plan(self._plan.plan_id))
        page = await client.send(plan_calls.tickets(filters, cursor=self.pages.cursor, limit=PAGE))
        self._plan, self.pages.next = plan, page.next
        if self._asked not in {ticket.ticket_id for ticket in page.items}:
            return Known(plan, page)
        ticket = await client.send(plan_calls.ticket(self._asked))
        history = await client.send(plan_calls.history(self._asked))
        return Known(plan, page, ticket, history)

    def summary(self) -> str:
        plan, words = self._plan, self.session.words
        done = words.figures.number(plan.tickets - plan.open_tickets)
        state = rows.work_state(plan.status, words, paused=plan.paused and not plan.status.ended).text
        whole = f"{plain(plan.name)} {state} {done}/{words.figures.number(plan.tickets)}"
        return f"{whole} · {super().summary()}"

    def compose_watched(self) -> Iterable[Widget]:
        yield Panel("tickets", rows.TICKET_COLUMNS, self.session.t)
        yield Static(id="pane", markup=False)

    def draw_watched(self, overview: OverviewView, known: Known | None) -> None:
        tickets = known.page.items if known else ()
        shown = [rows.ticket_row(ticket, self.session.words) for ticket in tickets]
        self.query_one(Panel).show(shown, empty=self.why)
        self.query_one("#pane", Static).update(self._pane(known, now=overview.at) if known else "")

    @on(LiveTable.RowHighlighted, "#table-tickets")
    def _other(self) -> None:
        selected = self.query_one(Panel).table.selected or ""
        if selected != self._asked:
            self._asked = selected
            self.ask_again()

    def _pane(self, known: Known, *, now: float) -> Text:
        ticket, words = known.ticket, self.session.words
        if ticket is None:
            return Text("")
        lines = [
            f"{plain(ticket.task_id)} · {words.t('ticket.of', kind=ticket.task_type.value, owner=plain(ticket.owner))}"
        ]
        if ticket.depends_on:
            lines.append(words.t("ticket.needs", names=", ".join(map(plain, ticket.depends_on))))
        if why := rows.why_of(ticket, words):
            lines.append(why)
        attempts = known.history.attempts if known.history else ()
        lines += [rows.attempt_line(attempt, words, now=now) for attempt in attempts[-SHOWN_ATTEMPTS:]]
        return Text("\n".join(lines))

    def anew(self) -> Self:
        return type(self)(self.session, self.state, plan=self._plan)

    def actions(self) -> deeds.Deeds:
        """Of the ticket under the cursor, then of the plan."""
        t, known = self.session.t, self.look.value
        wanted = self.query_one(Panel).table.selected
        tickets = known.page.items if known else ()
        chosen = next((ticket for ticket in tickets if ticket.ticket_id == wanted), None)
        return deeds.ticket_deeds(chosen, t) + deeds.plan_deeds(self._plan, t)
