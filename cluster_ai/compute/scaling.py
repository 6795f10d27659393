"""Where a policy of scaling plugs in: what is seen goes in, how many workers there shall be on each node comes out.

The policy is a function without I/O; this module compares its answer with what there is and gives the orders. Orders
are for numbers, not for steps: given twice they change nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from cluster_ai.compute.types import ComputeView

HERE: Final = ""
"""The box of the scheduler; its workers are called ``worker-N``. Those of other machines carry the machine's name."""
_LOCAL: Final = "worker"

WantedWorkers = Callable[[ComputeView], Mapping[str, int]]
"""By node: how many workers there shall be. A node that it does not name is left as it is."""
Give = Callable[[str, int], Awaitable[None]]
"""Orders so many workers of a node; for ``HERE`` that is the supervisor's ``scale_workers``."""


def present(view: ComputeView) -> dict[str, int]:
    """How many workers of each node are connected."""
    found: dict[str, int] = {}
    for worker in view.workers:
        node = node_of(worker.name)
        found[node] = found.get(node, 0) + 1
    return found


def node_of(name: str) -> str:
    """The node of a worker called ``mouse-0``."""
    node = name.rpartition("-")[0]
    return HERE if node == _LOCAL else node


def as_it_is(_view: ComputeView) -> Mapping[str, int]:
    """The policy of who has none."""
    return {}


class Scaler:
    """Follows a policy. ``tick`` is one round; what it ordered is remembered, since workers take seconds to appear."""

    def __init__(self, wanted: WantedWorkers, give: Give) -> None:
        self._wanted = wanted
        self._give = give
        self._ordered: dict[str, int] = {}

    async def tick(self, view: ComputeView) -> dict[str, int]:
        """Orders what is not so yet, and was not ordered yet; answers that. Nothing while the scheduler is away."""
        if not view.reachable:
            return {}
        there = present(view)
        given: dict[str, int] = {}
        for node, count in self._wanted(view).items():
            if there.get(node, 0) == count:
                self._ordered.pop(node, None)
            elif self._ordered.get(node) != count:
                await self._give(node, count)
                given[node] = self._ordered[node] = count
        return given
