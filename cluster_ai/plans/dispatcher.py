"""Gives tickets to workers: who is ready goes by the rules, in turn, to the best place; what was lost comes back.

Only the leader's dispatcher works. What another one still writes after its term is refused; and were it not, a lease is
given to one of them all the same. A lease is durable before anything is handed in, so that a crash between the two
costs the time of a lease and nothing else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import structlog

from cluster_ai.compute.tickets.words import Errand, Sight, Taken
from cluster_ai.core import consent, leadership
from cluster_ai.core.db import Database
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.plans import allocation, batching, fairness, flights, pace, policy
from cluster_ai.plans.asked import Asked, Bounds, Hand, Scene
from cluster_ai.plans.tables.turns import Flight
from cluster_ai.plans.turns import Turns, needs

log = structlog.get_logger(__name__)
SIGHT_SECONDS: Final = 0.25
"""So old may be what the scheduler said of its workers."""
LOOK_SECONDS: Final = 1.0
"""Between two looks at what the clock brings about."""
DAY: Final = 86_400.0
LEAST_READ: Final = 64
MOST_READ: Final = 1024
"""Tickets that are looked at in one round: more while they go in batches, for those are as large as what waits."""
UNBOUNDED: Final = Bounds()
PRIORITY: Final = 1000
"""Steps into which a score is cut for Dask."""


class Queue(Protocol):
    """What is asked of the tickets: ``plans.queue`` and what stands beside it."""

    async def lease_many(self, wanted: Sequence[tuple[str, str]], now: float, seconds: float) -> Sequence[Any]: ...

    async def hold(self, ticket_id: str, reason: str, *, code: str) -> Any: ...

    async def freeze(self, ticket_id: str, now: float) -> bool: ...

    async def thaw(self, now: float) -> None: ...

    async def extend_leases(self, now: float, seconds: float) -> int: ...

    async def reap(self, now: float) -> Any: ...

    async def lose(self, ticket_id: str, attempt: int, *, code: str, message: str) -> bool: ...

    async def give_up(self, ticket_id: str, *, code: str, message: str) -> bool: ...


class Desk(Protocol):
    """``compute.tickets.transport.SchedulerTickets``."""

    async def submit(self, errands: Sequence[Errand]) -> Taken: ...

    async def cancel(self, ticket_id: str, attempt: int, worker: str) -> bool: ...

    async def look(self) -> Sight: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the dispatcher is given. ``hands`` makes places out of workers; ``leads`` says whether this one works.

    ``queue`` writes under the same term: what comes after its end is refused there.
    """

    database: Database
    queue: Queue
    desk: Desk
    hands: Callable[[Sight], Iterable[Hand]]
    bounds: Bounds = UNBOUNDED
    leads: leadership.Leads = leadership.always
    lease_seconds: float = 30.0
    frozen: consent.Outlooks = consent.clear
    """What freezes forbid, as far as that is known without a unit of work."""
    paces: pace.Pace = field(default_factory=pace.Pace)
    """How long tickets took of late, as their workers say."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a tick saw and did, for whoever looks after the whole. ``away``: why the scheduler cannot be asked."""

    at: float
    away: str = ""
    flying: tuple[Flight, ...] = ()
    waits: Mapping[str, policy.Wait] = field(default_factory=dict)
    """By ticket: what is against it."""
    losses: tuple[flights.Loss, ...] = ()
    given: int = 0
    is_full: bool = False
    """There is more that could go than was looked at."""
    has_no_room: bool = False
    """Every place is taken."""


class Dispatcher:
    """``tick`` is one round."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._turns = Turns(means.database)
        self._rounds = fairness.Rounds()
        self._carried: dict[str, flights.Carried] = {}
        self._epoch = 0
        self._looked_at = 0.0
        self._saw_at = -1.0
        self._sight = Sight(life="")
        self._outlook = consent.CLEAR
        self._mark: str | None = None
        self._paused: frozenset[str] = frozenset()
        self._spent: Mapping[str, float] = {}
        self._waits: Mapping[str, policy.Wait] = {}
        self._read = LEAST_READ
        self._places = flights.Places()

    async def tick(self, now: float) -> Picture | None:
        """One round at ``now``, Unix seconds; None while another one leads."""
        epoch = self._means.leads()
        if not epoch:
            self._epoch = 0
            return None
        if epoch != self._epoch:
            await self._begin(epoch, now)
        is_due = now - self._looked_at >= LOOK_SECONDS or now < self._looked_at
        if is_due:
            await self._freeze(now)
            await self._means.queue.reap(now)
            await self._learn(now)
            self._looked_at = now
        try:
            await self._look(now)
        except Unavailable as exc:
            # What cannot be carried is not leased.
            return Picture(now, away=exc.message, flying=await self._turns.flights())
        flying, losses = await self._settled(now)
        self._places = flights.Places.of(flying, self._carried)
        picture = await self._dispatched(flying, now)
        self._places.has_room = not picture.has_no_room
        return replace(picture, losses=tuple(losses))

    def heeds(self, ticket_id: str) -> bool:
        """Whether what happened to a ticket is worth a round: a place is free by it, or there was one before."""
        return self._places.ended(ticket_id)

    # -- inside

    async def _look(self, now: float) -> None:
        """At the scheduler, now and then: what ends and begins is known without it."""
        if not 0 <= now - self._saw_at < SIGHT_SECONDS:
            self._saw_at = -1.0
            self._sight = await self._means.desk.look()
            self._saw_at = now

    async def _begin(self, epoch: int, now: float) -> None:
        """Workers could say nothing while nobody listened: every lease gets its whole time once."""
        live = await self._means.queue.extend_leases(now, self._means.lease_seconds)
        self._epoch = epoch
        self._mark = None
        self._carried = {}
        log.info("dispatching", epoch=epoch, leases=live)

    async def _freeze(self, now: float) -> None:
        """Holds what is forbidden, whether or not there is a worker for it; what may be no more is asked about again.

        That whoever looks at a ticket sees why it waits, and that it goes on the moment a freeze is lifted.
        """
        self._outlook = await self._means.frozen()
        if self._outlook.mark != self._mark:
            await self._means.queue.thaw(now)
            self._mark = self._outlook.mark
        for ticket_id in await self._turns.to_hold(self._outlook) if self._mark else ():
            await self._means.queue.freeze(ticket_id, now)

    async def _learn(self, now: float) -> None:
        self._paused = await self._turns.paused_kinds()
        if self._means.bounds.seconds_a_day:
            self._spent = await self._turns.spent(now - DAY)

    async def _settled(self, now: float) -> tuple[tuple[Flight, ...], list[flights.Loss]]:
        """What flies after what was lost has come back, and what fell down was handed in again."""
        flying = await self._turns.flights()
        keys = {f"{one.ticket_id} {one.attempt}" for one in flying}
        self._carried = {
            key: one for key, one in self._carried.items() if f"{one.errand.ticket_id} {one.errand.attempt}" in keys
        }
        losses = flights.lost(flying, self._sight, self._carried, now)
        for loss in losses:
            flight = loss.flight
            log.info("an attempt was lost", ticket=flight.ticket_id, attempt=flight.attempt, reason=loss.message)
            await self._means.queue.lose(flight.ticket_id, flight.attempt, code=loss.code, message=loss.message)
        gone = {loss.flight.ticket_id for loss in losses}
        left = tuple(one for one in flying if one.ticket_id not in gone)
        await self._hand_in(flights.unheld(left, self._sight, self._carried, now), now)
        return left, losses

    async def _dispatched(self, flying: tuple[Flight, ...], now: float) -> Picture:
        taken = flights.one_each(flying, self._carried)
        hands = _with_flights(self._means.hands(self._sight), taken)
        free = sum(max(0, hand.slots * allocation.AHEAD - hand.taken) for hand in hands.values())
        if hands and not free:
            return Picture(now, flying=flying, waits=self._waits, is_full=True, has_no_room=True)
        asked, is_full = await self._turns.waiting(max(self._read, 2 * free))
        scene = replace(self._scene(hands, flying, asked, now), holding=Counter(one.owner for one in taken))
        able, self._waits = await self._judged(asked, scene)
        placing = batching.Placing(hands, scene, self._means.paces, able)
        self._rounds = fairness.pick(able, placing, self._rounds, now)
        given = await self._leased(placing.places, now) if placing.places else 0
        room = len(placing.places) < free
        self._read = _to_read(self._read, placing.places, hands.values(), has_more=is_full)
        return Picture(now, flying=flying, waits=self._waits, given=given, is_full=is_full, has_no_room=not room)

    def _scene(self, hands: Mapping[str, Hand], flying: Iterable[Flight], asked: Iterable[Asked], now: float) -> Scene:
        return Scene(
            now,
            hands=tuple(hands.values()),
            in_flight=Counter(one.owner for one in flying),
            spent=self._spent,
            waiting=frozenset(one.owner for one in asked),
            bounds=self._means.bounds,
            paused_kinds=self._paused,
            frozen={one.id: why for one in asked if one.deed is not None and (why := self._outlook.why(one.deed))},
            places=sum(hand.slots for hand in hands.values()) * allocation.AHEAD,
        )

    async def _judged(self, asked: Iterable[Asked], scene: Scene) -> tuple[list[Asked], dict[str, policy.Wait]]:
        able: list[Asked] = []
        waits: dict[str, policy.Wait] = {}
        for one in asked:
            match policy.judge(one, scene):
                case policy.Accept():
                    able.append(one)
                case policy.Wait(code="approval") as wait:
                    waits[one.id] = wait
                    await self._means.queue.hold(one.id, wait.reason, code=wait.code)
                case policy.Wait() as wait:
                    waits[one.id] = wait
                case policy.Reject(code=code, reason=reason):
                    await self._means.queue.give_up(one.id, code=code, message=reason)
        return able, waits

    async def _leased(self, places: Sequence[batching.Place], now: float) -> int:
        """Leases all of them in one unit of work, and hands in what it got."""
        wanted = [(one.id, place.hand.name) for place in places for one in place.members]
        leased = iter(await self._means.queue.lease_many(wanted, now, self._means.lease_seconds))
        lives = {hold.name: hold.life for hold in self._sight.workers}
        errands: list[Errand] = []
        for place in places:
            got = [(asked, one) for asked, one in zip(place.members, leased) if one is not None]  # noqa: B905 - the next place goes on with it
            # Its first attempt's name is nobody else's.
            batch = f"{got[0][0].id}-{got[0][1].attempt}" if len(got) > 1 else ""
            errands += [self._errand(asked, one, place.hand.name, batch=batch, now=now) for asked, one in got]
            self._places.add(batch, [asked.id for asked, _ in got])
        for errand in errands:
            self._carried[errand.key] = flights.Carried(errand, lives[errand.worker], now)
        await self._hand_in(errands, now)
        return len(errands)

    def _errand(self, asked: Asked, leased: Any, worker: str, *, batch: str, now: float) -> Errand:
        return Errand(
            ticket_id=asked.id,
            attempt=leased.attempt,
            token=leased.token,
            kind=asked.kind,
            worker=worker,
            lease_seconds=self._means.lease_seconds,
            priority=round(fairness.score(asked, now) * PRIORITY),
            resources=dict(asked.resources),
            batch=batch,
        )

    async def _hand_in(self, errands: Sequence[Errand], now: float) -> None:
        if not errands:
            return
        try:
            taken = await self._means.desk.submit(errands)
        except ClusterError as exc:
            # They are leased and carried: handed in again when the scheduler is there.
            log.warning("attempts could not be handed in", count=len(errands), reason=exc.message)
            return
        for key, why in taken.refused.items():
            log.info("an attempt was not taken", key=key, reason=why)
        if taken.refused or taken.life != self._sight.life:
            # It is not as it was seen.
            self._saw_at = -1.0
        for errand in errands:
            if (one := self._carried.get(errand.key)) is not None:
                self._carried[errand.key] = replace(one, at=now)


def _with_flights(hands: Iterable[Hand], flying: Iterable[Flight]) -> dict[str, Hand]:
    """Workers by name, with what they hold."""
    found = {hand.name: hand for hand in hands}
    for one in flying:
        if (hand := found.get(one.worker)) is not None:
            used = {name: hand.used.get(name, 0.0) + amount for name, amount in needs(one.resources).items()}
            found[one.worker] = replace(hand, taken=hand.taken + 1, used={**hand.used, **used})
    return found


def _to_read(read: int, places: Sequence[batching.Place], hands: Iterable[Hand], *, has_more: bool) -> int:
    """How many tickets the next round looks at."""
    if not any(len(place.members) > 1 for place in places):
        return LEAST_READ if places else read
    most = min(MOST_READ, pace.MOST * allocation.AHEAD * sum(hand.slots for hand in hands))
    return max(LEAST_READ, min(most, 2 * read)) if has_more else read
