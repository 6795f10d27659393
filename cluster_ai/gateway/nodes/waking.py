"""Machines that sleep and alone have the model that somebody asks for: they are woken, and the call waits for them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import structlog

from cluster_ai.core.clock import Clock
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.types import UpstreamState

log = structlog.get_logger(__name__)
AGAIN_SECONDS: Final = 20.0
"""A packet may be lost, and a machine that was just falling asleep may have missed it."""

Call = Callable[[str], Awaitable[bool]]
"""Wakes the machine of that name; whether it could be called."""


@dataclass(slots=True)
class Waker:
    """One for a gateway. ``call`` and ``names`` come from whoever knows the machines; without them nobody is woken."""

    seconds: float
    """Longest that a call waits for a machine to wake; 0: none is woken."""
    clock: Clock
    call: Call | None = None
    names: frozenset[str] = frozenset()
    """Machines that can be woken."""
    _called: dict[str, float] = field(default_factory=dict)
    _calling: set[asyncio.Task[None]] = field(default_factory=set)

    def wake(self, holders: Iterable[Upstream]) -> tuple[str, ...]:
        """Calls those of the nodes that sleep; their names. None while one of the nodes is up: it is asked instead."""
        holders = list(holders)
        if self.call is None or not self.seconds or any(node.state is not UpstreamState.DOWN for node in holders):
            return ()
        asleep = [node for node in holders if node.name in self.names and not node.orders.drain]
        for node in asleep:
            self._once(node.name)
        return tuple(node.name for node in asleep)

    def was_called(self, name: str) -> bool:
        """Lately."""
        return self.clock() - self._called.get(name, float("-inf")) < self.seconds

    def _once(self, name: str) -> None:
        now = self.clock()
        if now - self._called.get(name, float("-inf")) < AGAIN_SECONDS:
            return
        self._called[name] = now
        task = asyncio.get_running_loop().create_task(self._wake(name))
        self._calling.add(task)
        task.add_done_callback(self._calling.discard)

    async def _wake(self, name: str) -> None:
        assert self.call is not None, "wake() has looked"
        if await self.call(name):
            log.info("a machine that sleeps was called: it alone has the model", node=name)
        else:
            self._called.pop(name, None)
