"""The registry: instances with capabilities and leases, in the memory of one process, rebuilt from their beats.

Every method is one operation in memory and never waits, so that each is whole before the next begins. Nothing here
reads the wall clock to decide anything.
"""

import asyncio
import builtins
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from cluster_ai.core.loops import every
from cluster_ai.registry import detector, ranking, trails
from cluster_ai.registry.detector import Pulse, Rule
from cluster_ai.registry.entries import Entry, Shelves
from cluster_ai.registry.feed import BOUND, Feed, Watcher
from cluster_ai.registry.types import (
    MOST_INSTANCES,
    IdTaken,
    Instance,
    NotYours,
    Query,
    Ranked,
    Registration,
    RegistryFull,
    Renewal,
    Renewed,
    State,
    UnknownInstance,
    What,
    Workload,
)

TICK_SECONDS: Final = 0.25
AWAY_SECONDS: Final = 1.0
"""A tick that comes so much too late was held up, and beats with it."""
_LONGEST_WAIT: Final = 30.0
"""What ended is found in the agenda for no longer than that."""
_HEALTHY: Final = frozenset({State.HEALTHY})
_ALL: Final = frozenset(State)


@dataclass(frozen=True, slots=True)
class Claim:
    """In whose name something is asked. ``over_all``: an administrator's."""

    owner: str
    over_all: bool = False


@dataclass(frozen=True, slots=True)
class Means:
    """What the registry takes from outside. ``clock`` is monotonic, ``wall`` for what people read."""

    clock: Callable[[], float]
    wall: Callable[[], float]
    new_id: Callable[[], str]


class Registry:
    """One owner of all leases. ``rule`` is that of instances without a lease of their own."""

    def __init__(self, means: Means, *, rule: Rule = detector.DEFAULT, most: int = MOST_INSTANCES) -> None:
        self._means = means
        self._rule = rule
        self._most = most
        self._shelves = Shelves()
        self._rules: dict[float, Rule] = {rule.dead: rule}
        self._agenda: list[tuple[float, int, Entry]] = []
        """When to look at whom; a heap. Who is heard of in the meantime stays where he is and is put off later."""
        self._drawn = 0
        self._ticked: float | None = None
        self.feed = Feed(life=means.new_id()[-12:], present=self._present)

    # -- what instances do

    def register(self, wanted: Registration, claim: Claim) -> Instance:
        """A new instance, healthy from the start; or the same one again, as it describes itself now.

        Raises:
            IdTaken: somebody else has one of that id.
            RegistryFull: there are as many as there may be.
        """
        now, wall = self._means.clock(), self._means.wall()
        old = self._shelves.by_id.get(wanted.id) if wanted.id else None
        if old is None and len(self._shelves.by_id) >= self._most:
            raise RegistryFull(f"the registry holds {self._most} instances already", retry_after=30.0)
        if old is not None and not _may(old, claim):
            raise IdTaken("somebody else's instance has that id", hint="choose another id, or let one be drawn")
        instance = self._instance(wanted, old, claim, wall=wall)
        rule = self._rule_of(instance.lease_seconds)
        entry = old or Entry(instance, Pulse(beat=now, sign=now), rule, wanted.telemetry)
        if old is None:
            self._shelves.put(entry)
        else:
            # Its pulse goes on: who registers again and again is no steadier for it.
            self._shelves.change(entry, instance)
            detector.beaten(entry.pulse, now, rule=rule)
            detector.judge(entry.pulse, now, rule)
        entry.rule, entry.telemetry = rule, wanted.telemetry
        self._look_later(entry, now)
        entry.weigh(now)
        self.feed.tell(What.ADDED if old is None else What.CHANGED, entry.seen(now, wall=wall))
        return entry.seen(now, wall=wall)

    def renew(self, id: str, said: Renewal, claim: Claim) -> Renewed:  # noqa: A002 - as everywhere in this room
        """A sign of life.

        Raises:
            UnknownInstance: none of that id; it must register again.
            NotYours: it is somebody else's.
        """
        entry, now = self._own(id, claim), self._means.clock()
        pulse, before = entry.pulse, entry.pulse.state
        detector.beaten(pulse, now, rule=entry.rule, well=said.well)
        if said.telemetry is not None:
            entry.telemetry = said.telemetry
        self._judge(entry, now)
        facts = said.facts
        changed = facts and any(getattr(entry.instance, name) != value for name, value in facts.items())
        if changed:
            self._shelves.change(entry, entry.instance.model_copy(update=facts))
        entry.weigh(now)
        if changed and pulse.state is before:
            # A change of state has been told, and with it all the rest.
            self._tell(entry, now)
        return Renewed.model_construct(id=id, state=pulse.state, lease_seconds=entry.instance.lease_seconds)

    def deregister(self, id: str, claim: Claim) -> Instance:  # noqa: A002
        """It is no more.

        Raises:
            UnknownInstance, NotYours: as ``renew``.
        """
        return self._remove(self._own(id, claim), self._means.clock())

    def evidence(self, id: str, ok: bool) -> None:  # noqa: A002, FBT001 - one word says all of it
        """Somebody called it. Success is a sign of life, whatever its beats say; failures in a row are doubt.

        Raises:
            UnknownInstance: none of that id.
        """
        entry, now = self._named(id), self._means.clock()
        detector.told(entry.pulse, now, ok=ok)
        entry.trail = trails.marked(entry.trail, now, ok=ok)
        self._judge(entry, now)
        entry.weigh(now)

    # -- what others ask

    def get(self, id: str) -> Instance:  # noqa: A002
        """One.

        Raises:
            UnknownInstance: none of that id.
        """
        return self._named(id).seen(self._means.clock(), wall=self._means.wall())

    def list(self, query: Query) -> tuple[Instance, ...]:
        """All that fit, by kind, name and id; ``top`` and ``near`` mean nothing here."""
        now, wall = self._means.clock(), self._means.wall()
        found = self._shelves.matching(query, query.states or _ALL)
        found.sort(key=lambda entry: (entry.instance.kind, entry.instance.name, entry.id))
        return tuple(entry.seen(now, wall=wall) for entry in found)

    def discover(self, query: Query) -> tuple[Ranked, ...]:
        """The best ``top`` that fit, the best first."""
        now, wall = self._means.clock(), self._means.wall()
        found = self._shelves.matching(query, query.states or _HEALTHY)
        chosen: builtins.list[Entry] = []
        order = _orders(now, query.workload)
        if query.near:
            chosen = self._best([entry for entry in found if entry.instance.node_id == query.near], query.top, order)
            found = [entry for entry in found if entry.instance.node_id != query.near]
        chosen += self._best(found, query.top - len(chosen), order)
        return tuple(
            Ranked.model_construct(
                instance=entry.seen(now, wall=wall),
                score=ranking.score(entry.pulse, entry.trail, entry.telemetry, now, workload=query.workload),
            )
            for entry in chosen
        )

    def watch(self, *, after: str = "", kind: str | None = None, bound: int = BOUND) -> AbstractContextManager[Watcher]:
        """All that is there and then each change, as long as the block lasts; after the cursor ``after`` when it can.

        Raises:
            TooManyWatchers: there are as many as there may be.
        """
        return self.feed.watch(after=after, kind=kind, bound=bound)

    def counts(self) -> Mapping[tuple[str, State], int]:
        """Instances by kind and state."""
        return Counter((entry.instance.kind, entry.pulse.state) for entry in self._shelves.by_id.values())

    # -- time

    def reap(self, now: float) -> None:
        """Judges all whose time has come; who was silent for too long is removed."""
        while self._agenda and self._agenda[0][0] <= now:
            _, turn, entry = heapq.heappop(self._agenda)
            if turn != entry.turn or self._shelves.by_id.get(entry.id) is not entry:
                continue
            if detector.is_forgotten(entry.pulse, now, entry.rule):
                self._remove(entry, now)
                continue
            self._judge(entry, now)
            self._look_later(entry, now)

    def tick(self, now: float) -> None:
        """``reap``, and fair: while this process stood still nobody could be heard, and that is nobody's silence."""
        away = 0.0 if self._ticked is None else now - self._ticked - TICK_SECONDS
        self._ticked = now
        if away > AWAY_SECONDS:
            for entry in self._shelves.by_id.values():
                entry.pulse.sign = min(now, entry.pulse.sign + away)
                entry.pulse.beat = min(now, entry.pulse.beat + away)
        self.reap(now)
        self.feed.age()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Registry"]:
        """Time passes as long as the block lasts."""

        async def tick() -> None:
            self.tick(self._means.clock())

        loop = asyncio.create_task(every(TICK_SECONDS, tick, name="registry"))
        try:
            yield self
        finally:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop

    # -- inside

    def _best(
        self, found: Iterable[Entry], top: int, order: Callable[[Entry], ranking.Order]
    ) -> "builtins.list[Entry]":
        # Tuples of their own compare several times faster than entries by a key.
        by_id = self._shelves.by_id
        return [by_id[one[2]] for one in heapq.nsmallest(top, map(order, found))]

    def _instance(self, wanted: Registration, old: Entry | None, claim: Claim, *, wall: float) -> Instance:
        facts = {name: getattr(wanted, name) for name in Registration.model_fields if name in Instance.model_fields}
        facts["id"] = wanted.id or self._means.new_id()
        facts["lease_seconds"] = wanted.lease_seconds or self._rule.dead
        facts["owner"] = claim.owner if old is None else old.instance.owner
        facts["registered_at"] = wall if old is None else old.instance.registered_at
        return Instance.model_construct(**facts, state=State.HEALTHY, seen_at=wall)

    def _judge(self, entry: Entry, now: float) -> None:
        before = entry.pulse.state
        if detector.judge(entry.pulse, now, entry.rule) is not before:
            entry.weigh(now)
            self._tell(entry, now)

    def _tell(self, entry: Entry, now: float) -> None:
        self.feed.tell(What.CHANGED, entry.seen(now, wall=self._means.wall()))

    def _remove(self, entry: Entry, now: float) -> Instance:
        self._shelves.take(entry.id)
        gone = entry.seen(now, wall=self._means.wall())
        self.feed.tell(What.REMOVED, gone)
        return gone

    def _look_later(self, entry: Entry, now: float) -> None:
        self._drawn += 1
        entry.turn = self._drawn
        at = min(detector.due(entry.pulse, now, entry.rule), now + _LONGEST_WAIT)
        heapq.heappush(self._agenda, (at, self._drawn, entry))

    def _named(self, id: str) -> Entry:  # noqa: A002
        entry = self._shelves.by_id.get(id)
        if entry is None:
            raise UnknownInstance(
                "no instance has that id", hint="register it again; the registry forgets what does not renew"
            )
        return entry

    def _own(self, id: str, claim: Claim) -> Entry:  # noqa: A002
        entry = self._named(id)
        if not _may(entry, claim):
            raise NotYours("this instance is somebody else's", hint="ask an administrator")
        return entry

    def _rule_of(self, lease: float) -> Rule:
        """One object a lease: thousands have the same."""
        found = self._rules.get(lease)
        if found is None:
            found = self._rule.leased(lease)
            if len(self._rules) < MOST_INSTANCES:
                self._rules[lease] = found
        return found

    def _present(self) -> Iterator[Instance]:
        now, wall = self._means.clock(), self._means.wall()
        return (entry.seen(now, wall=wall) for entry in self._shelves.by_id.values())


def _orders(now: float, workload: Workload | None) -> Callable[[Entry], ranking.Order]:
    """What entries are sorted by: as of their last sign of life, or as they are now for a workload."""
    if workload is None:
        return attrgetter("order")

    def order(entry: Entry) -> ranking.Order:
        scored = ranking.score(entry.pulse, entry.trail, entry.telemetry, now, workload=workload)
        return ranking.order(scored.total, entry.telemetry, entry.id)

    return order


def _may(entry: Entry, claim: Claim) -> bool:
    return claim.over_all or claim.owner == entry.instance.owner
