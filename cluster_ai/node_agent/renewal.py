"""This machine's certificate, renewed long before it ends: with a new key, and without anything being interrupted."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.loops import every
from cluster_ai.pki.requests import key_pem, new_key, request_for
from cluster_ai.pki.store import Store

log = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 600.0


class Renews(Protocol):
    """What is needed of ``cluster_ai.node_agent.head.Head``."""

    async def renew(self, request: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Renewal:
    """Looks now and then whether it is time."""

    store: Store
    name: str
    head: Renews

    async def follow(self, seconds: float = LOOK_SECONDS) -> None:
        """Until cancelled."""
        await every(seconds, self._tick, name="renewal")

    async def _tick(self) -> None:
        await self.tick()

    async def tick(self, *, now: float | None = None) -> bool:
        """Whether the certificate was renewed. A head that is away is asked again the next time."""
        life = await asyncio.to_thread(self.store.life)
        if not life.wants_renewal(time.time() if now is None else now):
            return False
        key = new_key()
        try:
            certificate = await self.head.renew(request_for(key, self.name))
        except ClusterError as exc:
            left = life.not_after - time.time()
            log.warning(
                "the certificate could not be renewed yet", reason=exc.message, days_left=round(left / 86_400, 1)
            )
            return False
        await asyncio.to_thread(lambda: self.store.put(key=key_pem(key), certificate=certificate))
        log.info("the certificate was renewed")
        return True
