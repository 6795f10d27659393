"""This machine's own Ollama: in the pool as long as it is there, without anybody naming it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from cluster_ai.core.clock import Clock
from cluster_ai.core.loops import heed_cancellation
from cluster_ai.gateway.nodes.picture import Picture
from cluster_ai.gateway.nodes.pool import Pool, Upstream
from cluster_ai.gateway.nodes.sight import NOT_WELL, Sight
from cluster_ai.gateway.types import LOCAL_NAME, GatewaySettings, UpstreamKind

log = structlog.get_logger(__name__)

PROBES_TO_FIND: Final = 5
"""Pauses between probes before an Ollama that is not there is looked for again."""
PROBES_TO_LOSE: Final = 10
"""Missed probes in a row after which it has left for good; until then its models are known, and said to be away."""


class LocalOllama:
    """``next_look`` waits for a node's turn, looks at it, and never fails."""

    def __init__(
        self, pool: Pool, sight: Sight, settings: GatewaySettings, next_look: Callable[[Upstream], Awaitable[None]],
        *, clock: Clock,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._sight = sight
        self._url = str(settings.local_ollama_url).rstrip("/")
        self._pause = settings.probe_seconds * PROBES_TO_FIND
        self._next_look = next_look
        self._clock = clock

    async def watch(self) -> None:
        """Adds it when it is there, and lets it go when it has left; until cancelled, or its address is configured."""
        while not self._pool.has_url(self._url):
            if picture := await self._found():
                await self._keep(picture)
            else:
                heed_cancellation()
                await asyncio.sleep(self._pause)

    async def _found(self) -> Picture | None:
        try:
            return await self._sight.of(self._url)
        except NOT_WELL:
            return None
        except Exception:  # as for every node: the gateway goes on, and so does the search
            log.exception("the look for an Ollama on this machine stumbled", url=self._url)
            return None

    async def _keep(self, picture: Picture) -> None:
        """Until it has left."""
        upstream = self._pool.add(LOCAL_NAME, self._url, UpstreamKind.OLLAMA)
        upstream.seen(picture, self._clock())
        log.info("found an Ollama on this machine", url=self._url, models=len(picture.models))
        while upstream.missed < PROBES_TO_LOSE:
            await self._next_look(upstream)
        self._pool.remove(LOCAL_NAME)
        log.info("the Ollama of this machine has left", url=self._url)
