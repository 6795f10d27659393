"""Which nodes have a model, how fast, and what it costs the calls to come that one of them throws it out. Pure."""

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Home:
    """A model on a node."""

    resident: bool
    """In memory, or on its way there."""
    call_seconds: float
    """A usual call, until its first token and a little beyond."""
    load_seconds: float


@dataclass(slots=True)
class Homes:
    """Of the whole cluster: by model, by node."""

    _homes: dict[str, dict[str, Home]] = field(default_factory=dict)
    _best: dict[str, tuple[float, list[tuple[float, str]]]] = field(default_factory=dict)
    """Of each model the two nodes that will do best, and for which number of calls: candidates of one call share it."""

    def tell(self, node: str, homes: Mapping[str, Home]) -> None:
        """All that the node has; nothing when it is gone."""
        for key, nodes in self._homes.items():
            if key not in homes:
                nodes.pop(node, None)
        for key, home in homes.items():
            self._homes.setdefault(key, {})[node] = home
        self._best.clear()

    def loss(self, key: str, node: str, calls: float) -> float:
        """Seconds that so many calls to come wait longer, all together, when the model leaves that node's memory.

        Another copy takes them, as fast as it is; else one load makes up for it, there or elsewhere, if any call comes.
        """
        home = self._homes.get(key, {}).get(node)
        if home is None:
            return 0.0
        others = self._others(key, node, calls)
        stays = min(others, calls * home.call_seconds)
        return min(others, calls * home.call_seconds + chance(calls) * home.load_seconds) - stays

    def _others(self, key: str, node: str, calls: float) -> float:
        if (found := self._best.get(key)) is None or found[0] != calls:
            likely = chance(calls)
            rows = (
                (calls * home.call_seconds + (0.0 if home.resident else likely * home.load_seconds), name)
                for name, home in self._homes[key].items()
            )
            found = self._best[key] = (calls, heapq.nsmallest(2, rows))
        return next((seconds for seconds, name in found[1] if name != node), math.inf)


def chance(calls: float) -> float:
    """That at least one comes, where so many are expected."""
    return 1.0 - math.exp(-calls)
