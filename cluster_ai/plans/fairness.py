"""Whose turn it is: owners by what they have used, and within an owner by score, with a turn for the oldest. Pure.

Stride scheduling (Waldspurger and Weihl, "Stride scheduling: deterministic proportional-share resource management",
MIT/LCS/TM-528, 1995) over owners: who has used least goes next, and pays with the seconds that the ticket takes.
Who asks for many short things and who asks for few long ones get the same time. Deficit round robin (Shreedhar and
Varghese, 1996) promises the same where a round is always finished; here it ends wherever the places do.

The score grows with waiting, but its growth is bounded: under a stream of urgent tickets of one owner a humble one
would never win by score alone. So every ``ELDEST_TURN``-th pick of an owner is its oldest: whatever comes, a ticket
with k older ones beside it is picked within ``ELDEST_TURN * (k + 1)`` picks of its owner.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from cluster_ai.plans.asked import Asked, Scene
from cluster_ai.plans.score import ageing, urgency

URGENT: Final = 0.3
ELDEST_TURN: Final = 4


@dataclass(frozen=True, slots=True)
class Turn:
    """What is remembered of an owner. ``used``: seconds, counted from where everybody stood when the owner came."""

    used: float = 0.0
    picks: int = 0


@dataclass(frozen=True, slots=True)
class Rounds:
    """The state between two calls of ``pick``. ``floor``: what the one who goes next had used at last."""

    turns: Mapping[str, Turn] = field(default_factory=dict)
    floor: float = 0.0


def score(asked: Asked, now: float) -> float:
    """As ``plans.score``, with what else is known of the ticket; from 0 to 1.5."""
    late = 0.0
    if asked.deadline is not None and asked.sla > 0:
        late = urgency(slack=asked.deadline - now - (asked.seconds or 0.0), span=asked.sla)
    return asked.rank + URGENT * late + ageing(now - asked.since)


def share_of(owner: str, scene: Scene) -> int:
    """How many places ``owner`` may hold: all while nobody else wants one, else an even part, rounded up."""
    others = scene.waiting - {owner}
    if not others:
        return max(scene.places, 1)
    # Who holds places and wants no more counts too: what he holds cannot be given twice.
    wanting = others | {owner} | {name for name, count in scene.holding.items() if count}
    return max(1, -(-scene.places // len(wanting)))


class Takes(Protocol):
    """Who finds places for those whose turn it is."""

    @property
    def is_full(self) -> bool: ...

    def take(self, asked: Asked) -> float | None:
        """What its owner pays; None: it found no place, and keeps its turn."""
        ...


def pick(waiting: Iterable[Asked], places: Takes, rounds: Rounds, now: float) -> Rounds:
    """Offers places to all that wait, in order, until there are none; answers what is to be remembered."""
    queues = {owner: _Queue(found, now) for owner, found in _by_owner(waiting).items()}
    # Who was away has saved nothing up: he begins where the others stand.
    turns = {owner: _at_least(rounds.turns.get(owner, Turn()), rounds.floor) for owner in queues}
    line = [(turn.used, owner) for owner, turn in turns.items()]
    heapq.heapify(line)
    floor = rounds.floor
    while line and not places.is_full:
        used, owner = heapq.heappop(line)
        cost = places.take(queues[owner].take(turns[owner].picks))
        if cost is not None:
            floor = used
            turns[owner] = Turn(used + cost, turns[owner].picks + 1)
        if queues[owner]:
            heapq.heappush(line, (turns[owner].used, owner))
    absent = {owner: turn for owner, turn in rounds.turns.items() if turn.used > floor}
    return Rounds({**absent, **turns}, floor)


class _Queue:
    """What waits of one owner, by score and by age, the next one last."""

    def __init__(self, waiting: Sequence[Asked], now: float) -> None:
        self._by_age = sorted(waiting, key=lambda one: (-one.since, one.id))
        self._by_score = sorted(waiting, key=lambda one: (score(one, now), -one.since, one.id))
        self._count = len(waiting)
        self._gone: set[str] = set()

    def __bool__(self) -> bool:
        return len(self._gone) < self._count

    def take(self, picks: int) -> Asked:
        """The best, or in its turn the oldest; ``picks``: how often this owner was served before."""
        line = self._by_age if picks % ELDEST_TURN == ELDEST_TURN - 1 else self._by_score
        while line[-1].id in self._gone:
            line.pop()
        self._gone.add(line[-1].id)
        return line[-1]


def _at_least(turn: Turn, floor: float) -> Turn:
    return turn if turn.used >= floor else Turn(floor, turn.picks)


def _by_owner(waiting: Iterable[Asked]) -> dict[str, list[Asked]]:
    found: dict[str, list[Asked]] = {}
    for one in waiting:
        found.setdefault(one.owner, []).append(one)
    return found
