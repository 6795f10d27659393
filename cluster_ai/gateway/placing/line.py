"""Who goes next for a model: by class, then evenly by sender. Pure.

Within a class senders share by start-time fair queueing (Goyal, Vin and Cheng, 1996): each call gets a tag, the later
of its sender's last one and the line's own time, and the smallest tag goes first; a call moves its sender's tag on by
what it costs. As with deficit round robin, ten calls of one sender do not delay the first of another by ten turns,
but a large call needs no rounds to save up for.
"""

import itertools
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.keys.types import Priority

AGING_SECONDS: Final = 20.0
"""Who has waited so long moves up by one class; nobody waits for ever."""
LOOKED_AT: Final = 8
"""So many are tried for a place when the first of them cannot use the one that is free."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A call that waits. ``cost`` in tokens."""

    priority: Priority
    fair: str
    cost: float
    since: float
    tag: float = 0.0
    number: int = 0
    again: bool = False
    """It had a place, and the node failed: it has waited already."""


@dataclass(slots=True)
class Line:
    """The calls that wait for one model."""

    model: str = ""
    _tickets: list[Ticket] = field(default_factory=list)
    """In order, as it was at ``_as_of``: to sort hundreds anew for each that comes or goes would cost more than all
    the rest of a call."""
    _as_of: float = float("-inf")
    _tags: dict[str, float] = field(default_factory=dict)
    _time: float = 0.0
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __len__(self) -> int:
        return len(self._tickets)

    def join(self, ticket: Ticket) -> None:
        ticket.number = next(self._numbers)
        ticket.tag = self._next_tag(ticket)
        self._tags[ticket.fair] = ticket.tag + ticket.cost
        insort(self._tickets, ticket, key=self._order)

    def leave(self, ticket: Ticket) -> None:
        """Got its place, or gave up."""
        if ticket in self._tickets:
            self._tickets.remove(ticket)
        if not self._tickets:
            self._tags.clear()
            self._time = 0.0

    def served(self, ticket: Ticket) -> None:
        self._time = max(self._time, ticket.tag)
        self.leave(ticket)

    def first(self, now: float, count: int = LOOKED_AT) -> list[Ticket]:
        """Those who go next, in order."""
        self._age(now)
        return self._tickets[:count]

    def _next_tag(self, ticket: Ticket) -> float:
        return max(self._time, self._tags.get(ticket.fair, 0.0))

    def before(self, newcomer: Ticket, now: float) -> int:
        """Who would go before one that has not joined."""
        self._age(now)
        mine = (self._order(newcomer)[0], self._next_tag(newcomer))
        return bisect_right(self._tickets, mine, key=lambda other: self._order(other)[:2])

    def ahead_of(self, ticket: Ticket, now: float) -> int:
        self._age(now)
        return bisect_left(self._tickets, self._order(ticket), key=self._order)

    def last(self, now: float) -> Ticket | None:
        """Who would wait longest."""
        self._age(now)
        return self._tickets[-1] if self._tickets else None

    def oldest_wait(self, now: float) -> float:
        return max((now - ticket.since for ticket in self._tickets), default=0.0)

    def _age(self, now: float) -> None:
        """Who has waited long enough meanwhile moves up; to look for them once a second is often enough."""
        if now - self._as_of >= 1.0:
            self._as_of = now
            self._tickets.sort(key=self._order)

    def _order(self, ticket: Ticket) -> tuple[float, float, int]:
        if ticket.again:
            return (-1.0, ticket.tag, ticket.number)
        waited = self._as_of - ticket.since
        aged = ticket.priority - waited // AGING_SECONDS if waited > 0.0 else ticket.priority
        return (max(0.0, aged), ticket.tag, ticket.number)
