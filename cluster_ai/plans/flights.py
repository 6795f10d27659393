"""What becomes of attempts that hold a lease, by what the scheduler says of its workers. Pure.

Three things are told apart. An attempt that was never begun, and that nobody carries any more, is handed in again: to
begin is fenced, so that it cannot be begun twice. One whose worker came back as another process is lost: all that the
old process had started ended with it. Of anything else nobody can know, and its lease decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cluster_ai.compute.tickets.words import Errand, Hold, Sight, key_of
from cluster_ai.plans.tables.turns import Flight

CARRY_SECONDS: Final = 2.0
"""What was handed in so long ago is either held or begun."""
GONE_SECONDS: Final = 5.0
"""A worker that restarts with its scheduler is away no longer than this, mostly."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What this dispatcher handed in. ``life``: of the worker at that time."""

    errand: Errand
    life: str
    at: float


@dataclass(frozen=True, slots=True)
class Loss:
    flight: Flight
    code: str
    message: str


def lost(flights: Iterable[Flight], sight: Sight, carried: Mapping[str, Carried], now: float) -> list[Loss]:
    """Attempts that can end no more."""
    workers = {hold.name: hold for hold in sight.workers}
    found = (_loss(flight, workers.get(flight.worker), sight, carried.get(_key(flight)), now) for flight in flights)
    return [loss for loss in found if loss is not None]


def one_each(flights: Iterable[Flight], carried: Mapping[str, Carried]) -> list[Flight]:
    """One of each place: all by themselves, but for a batch. What another dispatcher handed in counts one by one."""
    return list({place_of(flight, carried): flight for flight in flights}.values())


def place_of(flight: Flight, carried: Mapping[str, Carried]) -> str:
    """What it shares with those of its batch, and with nothing else."""
    one = carried.get(_key(flight))
    return one.errand.batch if one is not None and one.errand.batch else _key(flight)


class Places:
    """Which tickets hold which place, so that what happens to them between two rounds is known to free one or not."""

    def __init__(self) -> None:
        self.has_room = True
        self._tickets: dict[str, set[str]] = {}
        self._place: dict[str, str] = {}

    @classmethod
    def of(cls, flying: Iterable[Flight], carried: Mapping[str, Carried]) -> "Places":
        made = cls()
        for one in flying:
            made.add(place_of(one, carried), [one.ticket_id])
        return made

    def add(self, place: str, ticket_ids: Sequence[str]) -> None:
        """``place``: empty for a ticket that has one to itself."""
        for one in ticket_ids:
            self._place[one] = place or one
            self._tickets.setdefault(place or one, set()).add(one)

    def ended(self, ticket_id: str) -> bool:
        """Whether there is room after this ticket's attempt ended, or something else happened to it."""
        place = self._place.pop(ticket_id, None)
        if place is not None:
            left = self._tickets[place]
            left.discard(ticket_id)
            self.has_room = self.has_room or not left
        return self.has_room


def unheld(flights: Iterable[Flight], sight: Sight, carried: Mapping[str, Carried], now: float) -> list[Errand]:
    """Attempts that are to be handed in again."""
    lives = {hold.name: hold.life for hold in sight.workers}
    found = [carried[_key(flight)] for flight in flights if not flight.begun and _key(flight) in carried]
    return [
        one.errand
        for one in found
        if one.errand.key not in sight.held
        and now - one.at > CARRY_SECONDS
        and lives.get(one.errand.worker) == one.life
    ]


def _loss(flight: Flight, hold: Hold | None, sight: Sight, mine: Carried | None, now: float) -> Loss | None:
    if hold is not None and mine is not None and hold.life != mine.life:
        return Loss(flight, "worker_lost", f"{flight.worker} began anew")
    if flight.begun or _key(flight) in sight.held:
        return None
    if mine is None:
        # Somebody else's: perhaps it is being handed in just now.
        quiet = now - flight.updated_at
        return (
            Loss(flight, "never_carried", "its dispatcher ended before it was handed in")
            if quiet > GONE_SECONDS
            else None
        )
    if hold is None and now - mine.at > GONE_SECONDS:
        return Loss(flight, "worker_gone", f"{flight.worker} left before it began")
    return None


def _key(flight: Flight) -> str:
    return key_of(flight.ticket_id, flight.attempt)
