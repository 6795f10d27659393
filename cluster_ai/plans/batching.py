"""Places for those whose turn it is: each its own, or one for several brief ones of a plan that go one after the other.

Pure. Members of a batch are taken in the order of turns, so that it changes what goes together and not what goes first.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cluster_ai.plans import allocation, policy
from cluster_ai.plans.asked import SHORTEST, Asked, Hand, Scene
from cluster_ai.plans.pace import Pace

Group = tuple[str, str, frozenset[str], frozenset[str]]
GROWING: Final = (policy.within_budget, policy.within_quota)
"""Rules whose answer changes with what is placed meanwhile."""


@dataclass(slots=True)
class Place:
    """``most``: so many go together there."""

    hand: Hand
    members: list[Asked]
    most: int


class Placing:
    """One round of it. ``hands`` by name, with what they hold."""

    def __init__(self, hands: Mapping[str, Hand], scene: Scene, paces: Pace, waiting: Iterable[Asked]) -> None:
        self._hands = dict(hands)
        self._free = sum(max(0, hand.slots * allocation.AHEAD - hand.taken) for hand in hands.values())
        self._in_flight = Counter(scene.in_flight)
        self._spent = dict(scene.spent)
        self._scene = replace(scene, in_flight=self._in_flight, spent=self._spent)
        self._paces = paces
        self._waiting = Counter(group_of(one) for one in waiting if one.may_share)
        self._open: dict[Group, Place] = {}
        self.places: list[Place] = []

    @property
    def is_full(self) -> bool:
        """Whether nothing more finds a place."""
        return self._free <= 0 and not self._open

    def take(self, asked: Asked) -> float | None:
        """What its owner pays, in seconds of one slot; None: it finds no place now."""
        if any(not isinstance(rule(asked, self._scene), policy.Accept) for rule in GROWING):
            return None
        cost = self._joined(asked) if asked.may_share else None
        if cost is None:
            cost = self._placed(asked)
        if cost is not None:
            self._in_flight[asked.owner] += 1
            self._spent[asked.owner] = self._spent.get(asked.owner, 0.0) + cost
            self._waiting[group_of(asked)] -= asked.may_share
        return cost

    # -- inside

    def _joined(self, asked: Asked) -> float | None:
        group = group_of(asked)
        place = self._open.get(group)
        if place is None:
            return None
        place.members.append(asked)
        if len(place.members) >= place.most:
            del self._open[group]
        return self._paces.mean(asked.plan_id, asked.kind) or SHORTEST

    def _placed(self, asked: Asked) -> float | None:
        hand = allocation.choose(asked, self._hands.values()) if self._free > 0 else None
        if hand is None:
            return None
        self._hands[hand.name] = allocation.with_one_more(hand, asked)
        self._free -= 1
        place = Place(hand, [asked], self._size(asked) if asked.may_share else 1)
        self.places.append(place)
        if place.most == 1:
            return asked.cost
        self._open[group_of(asked)] = place
        return max(SHORTEST, self._paces.mean(asked.plan_id, asked.kind) or SHORTEST)

    def _size(self, asked: Asked) -> int:
        slots = sum(hand.slots for hand in self._hands.values() if allocation.able(asked, hand))
        return self._paces.size(asked.plan_id, asked.kind, waiting=self._waiting[group_of(asked)], slots=slots)


def group_of(asked: Asked) -> Group:
    """Those of one group may go together."""
    return (asked.plan_id, asked.kind, asked.capabilities, asked.near)
