"""Incidents: opened when something is wrong, closed when it is not any more, each told to everybody who listens."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from cluster_ai.core.db import Database
from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.events import Event
from cluster_ai.core.outbox import Tell, Unit, unit
from cluster_ai.plans.healing import OF_TICKETS, Finding
from cluster_ai.plans.incident_views import IncidentPage, IncidentView
from cluster_ai.plans.tables import incidents as tables
from cluster_ai.plans.tables import tickets

Incident = tables.Incident


@dataclass(slots=True)
class Incidents:
    """Owns them. What is open is held in memory, too: most looks find nothing new, and cost nothing."""

    database: Database
    tell: Tell
    new_id: Callable[[], str]
    _open: dict[tuple[str, str], Incident] = field(default_factory=dict)

    async def load(self) -> None:
        """What an earlier life of this program left open."""
        async with self.database.read() as connection:
            self._open = {(one.kind, one.subject): one for one in await tables.open_ones(connection)}

    @property
    def open_kinds(self) -> dict[str, int]:
        """How many are open, by kind."""
        found: dict[str, int] = {}
        for kind, _ in self._open:
            found[kind] = found.get(kind, 0) + 1
        return found

    async def found(self, *findings: Finding, now: float) -> None:
        """Opens those that are not open, and counts those that are."""
        for one in findings:
            known = self._open.get((one.kind, one.subject))
            if known is None:
                await self._opened(one, now)
            elif (known.detail, known.repair) != (one.detail[:1024], one.repair[:256]):
                changed = replace(
                    known, detail=one.detail[:1024], repair=one.repair[:256], count=known.count + 1, seen_at=now
                )
                async with self.database.transaction() as connection:
                    await tables.store(connection, changed)
                self._open[one.kind, one.subject] = changed

    async def lasting(self, kinds: Iterable[str], findings: Iterable[Finding], *, now: float) -> None:
        """These are all that there are of these kinds: others are closed."""
        there = list(findings)
        await self.found(*there, now=now)
        keys = {(one.kind, one.subject) for one in there}
        for key in [key for key in self._open if key[0] in kinds and key not in keys]:
            await self._closed(key, now)

    async def over(self, subject: str, *, now: float) -> None:
        """The ticket has ended, and with it what was wrong with it."""
        for kind in OF_TICKETS:
            if (kind, subject) in self._open:
                await self._closed((kind, subject), now)

    async def sweep(self, now: float) -> None:
        """Closes those of tickets that ended while nobody listened."""
        held = [(kind, subject) for kind, subject in self._open if kind in OF_TICKETS]
        if not held:
            return
        async with self.database.read() as connection:
            there = {one.ticket_id: one for one in await tickets.by_ids(connection, {subject for _, subject in held})}
        for kind, subject in held:
            ticket = there.get(subject)
            if ticket is None or ticket.status.ended:
                await self._closed((kind, subject), now)

    async def page(self, *, kind: str = "", is_open: bool = False, cursor: str = "", limit: int = 100) -> IncidentPage:
        """The newest first.

        Raises:
            InvalidInput: the cursor is none of ours.
        """
        before = _position(cursor) if cursor else None
        async with self.database.read() as connection:
            rows = await tables.page(connection, kind=kind, is_open=is_open, before=before, limit=limit + 1)
        shown = rows[:limit]
        more = f"{shown[-1].opened_at!r}~{shown[-1].incident_id}" if len(rows) > limit else ""
        return IncidentPage(items=tuple(_view(row) for row in shown), next=more)

    # -- inside

    async def _opened(self, one: Finding, now: float) -> None:
        incident = Incident(
            incident_id=self.new_id(),
            kind=one.kind,
            subject=one.subject[:128],
            detail=one.detail[:1024],
            plan_id=one.plan_id,
            count=1,
            repair=one.repair[:256],
            opened_at=now,
            seen_at=now,
        )
        async with unit(self.database, self.tell) as work:
            await tables.add(work.connection, incident)
            self._say(work, "opened", incident, now)
        self._open[one.kind, one.subject] = incident

    async def _closed(self, key: tuple[str, str], now: float) -> None:
        incident = replace(self._open[key], closed_at=now)
        async with unit(self.database, self.tell) as work:
            await tables.store(work.connection, incident)
            self._say(work, "closed", incident, now)
        self._open.pop(key, None)

    def _say(self, work: Unit, what: str, incident: Incident, now: float) -> None:
        data = {"kind": incident.kind, "subject": incident.subject, "detail": incident.detail}
        data |= {"plan_id": incident.plan_id, "repair": incident.repair}
        work.say(Event(self.new_id(), f"incident.{what}", incident.incident_id, data, now))


def _view(incident: Incident) -> IncidentView:
    return IncidentView(**{name: getattr(incident, name) for name in IncidentView.model_fields})


def _position(cursor: str) -> tuple[float, str]:
    at, _, incident_id = cursor.partition("~")
    try:
        return float(at), incident_id
    except ValueError as exc:
        raise InvalidInput("that is no cursor of this list", path="cursor") from exc
