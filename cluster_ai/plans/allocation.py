"""Which worker takes a ticket: those that have what it asks for, the best by the registry's ranking first. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from cluster_ai.plans.asked import Asked, Hand

AHEAD: Final = 2
"""Attempts that a worker holds for each of its slots: while one runs, the next is there already."""
FULL: Final = 0.5
"""What a worker whose slots are all taken is worth, against an idle one of the same score."""
_DUST: Final = 1e-9


def able(asked: Asked, hand: Hand) -> bool:
    """Whether it could do it with nothing else to do."""
    if asked.needs_gateway and not hand.reaches_gateway:
        return False
    if asked.near and asked.near != {hand.node}:
        return False
    has_all = asked.capabilities <= hand.capabilities
    return has_all and all(hand.resources.get(name, 0.0) >= amount for name, amount in asked.resources.items())


def free(asked: Asked, hand: Hand) -> bool:
    """Whether it has room for it now. Resources are not held twice over, as slots are: a GPU has no queue."""
    if hand.taken >= hand.slots * AHEAD:
        return False
    left = (hand.resources.get(name, 0.0) - hand.used.get(name, 0.0) + _DUST for name in asked.resources)
    return all(has >= amount for has, amount in zip(left, asked.resources.values(), strict=True))


def worth(asked: Asked, hand: Hand) -> tuple[bool, float, float, str]:
    """What workers are sorted by; smaller is better. A worker that was lost with this very ticket comes last."""
    share = hand.taken / max(1, hand.slots)
    # Between full and empty the registry's score decides; work is spread, for each thing held makes the next dearer.
    value = hand.score * (1.0 - (1.0 - FULL) * share)
    return (hand.name in asked.avoid, -round(value, 9), hand.load, hand.name)


def choose(asked: Asked, hands: Iterable[Hand]) -> Hand | None:
    """The worker that takes it; None while all that could are full."""
    found = [hand for hand in hands if able(asked, hand) and free(asked, hand)]
    return min(found, key=lambda hand: worth(asked, hand), default=None)


def with_one_more(hand: Hand, asked: Asked) -> Hand:
    """The worker after it took the ticket."""
    return replace(hand, taken=hand.taken + 1, used=_sum(hand.used, asked.resources))


def _sum(used: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    return {**used, **{name: used.get(name, 0.0) + amount for name, amount in more.items()}}
