"""Which parts of pulls start now, and from where. Pure.

The first node that fetches a model fetches it from the library; the others wait for it and copy, where both can.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cluster_ai.catalog.machine import Part
from cluster_ai.catalog.places import Place
from cluster_ai.catalog.types import Source

MOST_AT_ONCE: Final = 8
MOST_FROM_ONE: Final = 2
"""Copies that one node gives at the same time: its own network is what they share."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part that waits. ``refused`` are nodes from which this part could not copy."""

    part: Part
    model: str
    digest: str
    copies: bool
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Go:
    """Begin with this part, from there."""

    wanted: Wanted
    source: Source
    from_node: str = ""


@dataclass(slots=True)
class _Round:
    places: Mapping[str, Place]
    busy: set[str]
    """Nodes that fetch something already."""
    giving: Counter[str]
    """Copies that each node gives."""
    fetching: set[str]
    """Models on their way from the library to a node that could give them on."""
    left: int


def choose(waiting: Sequence[Wanted], running: Iterable[tuple[str, Part]], places: Iterable[Place]) -> list[Go]:
    """What may begin. ``running`` has the model's name with each part; the order of ``waiting`` is kept."""
    known = {place.name: place for place in places}
    active = list(running)
    turn = _Round(
        places=known,
        busy={part.node for _, part in active},
        giving=Counter(part.from_node for _, part in active if part.from_node),
        fetching={
            model
            for model, part in active
            if part.source == "library" and (place := known.get(part.node)) is not None and place.copies
        },
        left=MOST_AT_ONCE - len(active),
    )
    return [go for wanted in waiting if (go := _next(turn, wanted)) is not None]


def _next(turn: _Round, wanted: Wanted) -> Go | None:
    node = wanted.part.node
    place = turn.places.get(node)
    if turn.left <= 0 or node in turn.busy or place is None or not place.up:
        return None
    go = _from_where(turn, wanted, place)
    if go is not None:
        turn.left -= 1
        turn.busy.add(node)
        if go.from_node:
            turn.giving[go.from_node] += 1
        elif place.copies:
            turn.fetching.add(wanted.model)
    return go


def _from_where(turn: _Round, wanted: Wanted, place: Place) -> Go | None:
    if not (wanted.copies and place.copies):
        return Go(wanted, "library")
    givers = [other.name for other in turn.places.values() if _gives(other, wanted)]
    free = [name for name in givers if turn.giving[name] < MOST_FROM_ONE]
    if free:
        return Go(wanted, "node", min(free, key=lambda name: (turn.giving[name], name)))
    # Somebody fetches it, or gives it away to as many as it can: waiting is cheaper than a second download.
    return None if givers or wanted.model in turn.fetching else Go(wanted, "library")


def _gives(other: Place, wanted: Wanted) -> bool:
    held = other.holding(wanted.model)
    ready = other.up and other.copies and other.name != wanted.part.node and other.name not in wanted.refused
    # What another node has under that name may be older than what was asked for.
    return ready and held is not None and (not wanted.digest or not held.digest or held.digest == wanted.digest)
