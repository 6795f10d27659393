"""Workers as the scheduler and the registry know them, made into places for tickets. Pure but for the registry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cluster_ai.compute.scaling import node_of
from cluster_ai.compute.tickets.words import Hold, Sight
from cluster_ai.plans.asked import HERE, Hand
from cluster_ai.registry.service import Registry
from cluster_ai.registry.types import MOST_RANKED, Query, Ranked, State

MACHINES: Final = "machine"
ENGINES: Final = "engine"
LIVE: Final = frozenset({State.HEALTHY, State.DEGRADED})
UNKNOWN: Final = 0.5
"""What a machine is worth of which the registry knows nothing: the head's own."""
SLOT: Final = "slot"
HERE_WORD: Final = "head"
"""What workers of the head's own machine can be asked for by."""


@dataclass(frozen=True, slots=True)
class Places:
    """``gateway_is_near``: the gateway listens on loopback alone, so that only the head's own workers reach it."""

    registry: Registry
    gateway_is_near: bool

    def hands(self, sight: Sight) -> tuple[Hand, ...]:
        """Every worker that takes new work."""
        ranked = self.registry.discover(Query(kind=MACHINES, states=LIVE, top=MOST_RANKED))
        machines = {found.instance.name: found for found in ranked}
        served = _words(self.registry.list(Query(kind=ENGINES)))
        return tuple(self._hand(hold, machines, served) for hold in sight.workers if not hold.paused)

    def _hand(self, hold: Hold, machines: Mapping[str, Ranked], served: Mapping[str, frozenset[str]]) -> Hand:
        node = node_of(hold.name)
        machine = machines.get(node)
        words = {name for name, amount in hold.resources.items() if amount > 0} | served.get(node, frozenset())
        words |= {HERE_WORD} if node == HERE else set()
        if machine is not None:
            words |= machine.instance.capabilities | machine.instance.labels
        return Hand(
            hold.name,
            node=node,
            slots=hold.threads,
            score=machine.score.total if machine is not None else UNKNOWN,
            load=(machine.instance.telemetry.load or 0.0) if machine is not None else 0.0,
            capabilities=frozenset(words),
            resources={name: amount for name, amount in hold.resources.items() if name != SLOT},
            reaches_gateway=node == HERE or not self.gateway_is_near,
        )


def _words(engines: Iterable[object]) -> dict[str, frozenset[str]]:
    return {getattr(one, "name", ""): getattr(one, "capabilities", frozenset()) for one in engines}
