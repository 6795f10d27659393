"""Asks every node how it is, each on its own: one that hangs delays nobody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import structlog

from cluster_ai.core.clock import Clock
from cluster_ai.core.descriptors import is_shortage
from cluster_ai.core.loops import heed_cancellation
from cluster_ai.gateway.nodes.local import LocalOllama
from cluster_ai.gateway.nodes.pool import PROBES_TO_DOWN, Pool, Upstream
from cluster_ai.gateway.nodes.reasons import reason_of
from cluster_ai.gateway.nodes.sight import NOT_WELL, BadNode, Sight
from cluster_ai.gateway.types import LOCAL_NAME, GatewaySettings, UpstreamKind, UpstreamState

log = structlog.get_logger(__name__)

EAGER_SECONDS: Final = 0.2
EAGER_LOOKS: Final = 300
"""A node that is down is looked for that often in short pauses (a minute where it refuses), then in usual ones."""


class Prober:
    """Looks after the pool: a loop for each node, and one that looks for an Ollama on this machine.

    ``changed`` is called after each look.
    """

    def __init__(
        self, pool: Pool, session: aiohttp.ClientSession, settings: GatewaySettings, *, clock: Clock,
        changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._changed = changed
        self._pool = pool
        self._settings = settings
        self._clock = clock
        self._sight = Sight(session)
        self._local = LocalOllama(pool, self._sight, settings, self._outlive, clock=clock)
        self._tasks = asyncio.TaskGroup()
        self._loops: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Probes as long as the block runs. Every node has been asked once when it begins."""
        await asyncio.gather(*(self.tick(upstream) for upstream in self._pool.all()))
        async with self._tasks:
            for upstream in self._pool.all():
                self.watch(upstream)
            if self._settings.find_local_ollama:
                self._loops[LOCAL_NAME] = self._tasks.create_task(self._local.watch())
            try:
                yield
            finally:
                for name in tuple(self._loops):
                    self.unwatch(name)

    def watch(self, upstream: Upstream) -> None:
        """Looks after one more node until ``unwatch``. Inside ``watching`` only."""
        self._loops[upstream.name] = self._tasks.create_task(self._watch(upstream))

    def unwatch(self, name: str) -> None:
        """Looks after that node no more."""
        if loop := self._loops.pop(name, None):
            loop.cancel()

    async def tick(self, upstream: Upstream) -> None:
        """One look at one node."""
        before = upstream.state
        try:
            upstream.seen(await self._sight.of(upstream.url), self._clock())
        except NOT_WELL as exc:
            if is_shortage(exc):
                # We have nothing to ask it with: that says nothing about the node.
                log.warning("a node cannot be looked at", node=upstream.name, reason=reason_of(exc))
                return
            upstream.missed_probe(reason_of(exc), speaks=isinstance(exc, BadNode))
        self._changed()
        if upstream.state is not before:
            log.info("node is now", node=upstream.name, state=upstream.state.value, reason=upstream.error)

    async def _watch(self, upstream: Upstream) -> None:
        while True:
            await self._outlive(upstream)

    async def _outlive(self, upstream: Upstream) -> None:
        """The next look at it, which must not end the looks at others, and the gateway with them, when it stumbles."""
        try:
            await self._next_look(upstream)
        except Exception:
            log.exception("a look at a node stumbled", node=upstream.name)

    async def _next_look(self, upstream: Upstream) -> None:
        heed_cancellation()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause(upstream)):
                await upstream.wake.wait()
        upstream.wake.clear()
        await self.tick(upstream)

    def _pause(self, upstream: Upstream) -> float:
        # Our own node is on this machine and comes back soon, others often do: nobody should find them missing for
        # longer than they are.
        restarts = upstream.kind is UpstreamKind.EMBEDDED and upstream.state is not UpstreamState.HEALTHY
        if 0 < upstream.missed < PROBES_TO_DOWN:
            # Either it is dead, and calls wait for it, or it was chance: both are known at the next look.
            return min(EAGER_SECONDS, self._settings.probe_seconds)
        is_new = upstream.state is UpstreamState.DOWN and upstream.missed < EAGER_LOOKS and upstream.name != LOCAL_NAME
        return min(EAGER_SECONDS, self._settings.probe_seconds) if restarts or is_new else self._settings.probe_seconds
