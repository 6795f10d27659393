"""A place at a node for each call: at once, or after a fair wait, or a refusal that says how things stand."""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from cluster_ai.core.clock import Clock
from cluster_ai.core.deadline import Deadline
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.nodes.pool import Pool, Serving
from cluster_ai.gateway.placing.line import Line, Ticket
from cluster_ai.gateway.placing.place import Nowhere, Overloaded, Place
from cluster_ai.gateway.routing import Ask, Scorer, full_name, rank
from cluster_ai.gateway.types import GatewaySettings

TURNS: Final = 4
"""As many calls may wait for a model as this times its places."""


@dataclass(slots=True, eq=False)
class _Waiter:
    call: Call
    model: str
    ticket: Ticket
    avoid: Mapping[str, float]
    granted: asyncio.Future[Place]


class Desk:
    """Gives out places. ``scorer`` may be replaced while it works."""

    def __init__(self, pool: Pool, settings: GatewaySettings, scorer: Scorer, *, clock: Clock) -> None:
        self._pool = pool
        self._settings = settings
        self.scorer = scorer
        self._clock = clock
        self._lines: dict[str, Line] = {}
        self._waiters: dict[Ticket, _Waiter] = {}

    async def place(self, call: Call, model: str, avoid: Mapping[str, float], *, until: float) -> Place:
        """A place for a call, held until it is given back by ``leave``.

        Args:
            call: who wants it.
            model: what it wants, aliases resolved.
            avoid: nodes that failed it, with the moment (``NEVER`` for one that was only busy); one that a probe
                found well since is asked again.
            until: when it has waited long enough.

        Raises:
            Nowhere: no node that is left has the model.
            Overloaded: the line is full, or it would take too long.
        """
        if not avoid:
            self._pool.demand.asked(model, call.priority, self._clock())
        line = self._lines.get(full_name(model))
        # Whoever comes now does not pass those who wait.
        place = None if line else self._take(call, model, avoid)
        return place or await self._wait(call, model, avoid, until=until)

    def leave(self, place: Place) -> None:
        """Gives a place back."""
        place.lane.left(place.until)
        place.upstream.inflight -= 1
        for line in tuple(self._lines.values()):
            self._fill(line)

    async def _wait(self, call: Call, model: str, avoid: Mapping[str, float], *, until: float) -> Place:
        name, now = full_name(model), self._clock()
        if not self._left(model, call, avoid):
            raise Nowhere
        line = self._lines.setdefault(name, Line(model))
        cost = float(call.chain.tokens + self._length(call, model))
        ticket = Ticket(call.priority, call.fair, cost, now, again=bool(avoid))
        self._make_room(line, ticket, model, call)
        waiter = self._waiters[ticket] = _Waiter(call, model, ticket, avoid, asyncio.get_running_loop().create_future())
        line.join(ticket)
        self._pool.demand.waits(model, call.priority)
        self._fill(line)
        try:
            with closing(Deadline()) as limit, limit.of(until - now):
                return await waiter.granted
        except BaseException as exc:
            granted = waiter.granted
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                # It was given in the very moment of leaving.
                self.leave(granted.result())
            if isinstance(exc, TimeoutError):
                raise self._overloaded(line, model, f"no place was free within {self._patience(call):.0f} s") from exc
            raise
        finally:
            self._pool.demand.waits(model, call.priority, -1)
            del self._waiters[ticket]
            line.leave(ticket)
            if not line and self._lines.get(name) is line:
                del self._lines[name]

    def _patience(self, call: Call) -> float:
        return call.patience(self._settings.queue_seconds)

    def _make_room(self, line: Line, ticket: Ticket, model: str, call: Call) -> None:
        """Refuses whoever would wait too long: the newcomer, or one of a lower class when the line is full.

        Raises:
            Overloaded: it is the newcomer.
        """
        if ticket.again:
            return
        if self._expected_wait(line, ticket, model, call) > self._patience(call):
            raise self._overloaded(line, model, "the wait would be longer than allowed")
        if len(line) < max(self._settings.queue_length, TURNS * self._slots(model, call)):
            return
        last = line.last(self._clock())
        full = self._overloaded(line, model, "the line is full")
        if last is None or last.again or last.priority <= ticket.priority:
            raise full
        line.leave(last)
        waiter = self._waiters[last]
        if not waiter.granted.done():
            waiter.granted.set_exception(full)

    def _slots(self, model: str, call: Call) -> int:
        return sum(
            up.lane(view).capacity.limit(self._clock()) for up, view in self._pool.serving(model, call.sender.pins)
        )

    def _expected_wait(self, line: Line, ticket: Ticket, model: str, call: Call) -> float:
        """Seconds until a newcomer's turn, behind those who go first; 0 while nobody knows how long calls take."""
        lanes = [up.lane(view) for up, view in self._pool.serving(model, call.sender.pins)]
        holds = [lane.learned.hold.mean for lane in lanes if lane.learned.hold.mean]
        if not holds:
            return 0.0
        slots = sum(lane.capacity.limit(self._clock()) for lane in lanes)
        return sum(holds) / len(holds) * line.before(ticket, self._clock()) / max(1, slots)

    def _overloaded(self, line: Line, model: str, reason: str) -> Overloaded:
        now = self._clock()
        waiting, oldest = len(line), line.oldest_wait(now)
        return Overloaded(
            f"{model} is overloaded: {reason}; {waiting} calls wait, the first for {oldest:.0f} s",
            hint="try again later, or add a node that has the model",
            retry_after=max(1.0, oldest),
            values={"about": "line", "model": model, "waiting": str(waiting), "seconds": f"{oldest:.0f}"},
        )

    def waiting(self) -> dict[str, int]:
        """Calls that wait, by model."""
        return {model: len(line) for model, line in self._lines.items() if len(line)}

    def look_again(self) -> None:
        """Something has changed: those who wait get places, or hear that no node is left for them."""
        for line in tuple(self._lines.values()):
            while self._serve_next(line):
                pass

    def _fill(self, line: Line) -> None:
        """Gives away what is free. With every place taken, those who wait would be compared for nothing."""
        while line and self._has_room(line.model) and self._serve_next(line):
            pass

    def _has_room(self, model: str) -> bool:
        now = self._clock()
        return any(not upstream.is_full(view, now) for upstream, view in self._pool.serving(model))

    def _serve_next(self, line: Line) -> bool:
        now = self._clock()
        return any(self._grant(line, ticket, ahead, now) for ahead, ticket in enumerate(line.first(now)))

    def _grant(self, line: Line, ticket: Ticket, ahead: int, now: float) -> bool:
        waiter = self._waiters[ticket]
        if waiter.granted.done():
            line.leave(ticket)
            return True
        try:
            place = self._take(waiter.call, waiter.model, waiter.avoid, ahead=ahead, waited=now - ticket.since)
        except Nowhere as exc:
            line.leave(ticket)
            waiter.granted.set_exception(exc)
            return True
        if place is None:
            return False
        line.served(ticket)
        waiter.granted.set_result(place)
        return True

    def _take(
        self, call: Call, model: str, avoid: Mapping[str, float], *, ahead: int = 0, waited: float = 0.0
    ) -> Place | None:
        """The best place if it is free now; None when waiting for it is better than any other.

        Raises:
            Nowhere: no node that is left has the model.
        """
        now = self._clock()
        rows = self._left(model, call, avoid)
        if not rows:
            raise Nowhere
        ask = self._ask(call, model, ahead, now)
        choices = rank([up.candidate(view, call, now) for up, view in rows], self.scorer, ask)
        best = choices[0]
        if best.candidate.is_full:
            return None
        upstream, view = next(row for row in rows if row[0].name == best.candidate.name)
        lane = upstream.lane(view)
        until = now + best.candidate.seconds(ask.prompt_tokens, ask.output_tokens)
        lane.taken_until(until)
        upstream.inflight += 1
        upstream.memory.uses(view.name, now)
        return Place(upstream, view, lane, best, tuple(choices), waited, until)

    def _ask(self, call: Call, model: str, ahead: int, now: float) -> Ask:
        demand = self._pool.demand
        return Ask(
            model,
            call.chain.tokens,
            self._length(call, model),
            ahead,
            demand.urgency(call.priority),
            demand.rate(model, now),
        )

    def _length(self, call: Call, model: str) -> int:
        """Tokens that its answer will have, as far as one can tell."""
        usual = self._pool.demand.output_tokens(model, call.priority)
        return min(usual, call.most_tokens or usual)

    def _left(self, model: str, call: Call, avoid: Mapping[str, float]) -> list[Serving]:
        found = self._pool.serving(model, call.sender.pins)
        if call.digest:
            found = [(up, view) for up, view in found if view.digest == call.digest]
        if not avoid:
            return found
        # A node that failed this call is asked again once a probe found it well, one that was busy after its pause.
        left = [(up, view) for up, view in found if up.name not in avoid or (up.seen_at or 0.0) > avoid[up.name]]
        now = self._clock()
        ready = [(up, view) for up, view in left if up.name not in avoid or not up.lane(view).busy_seconds(now)]
        return ready or left
