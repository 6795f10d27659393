"""The head's own services in the registry: each as long as it gives a sign of life, as any other instance."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from backend.plane import Plane
from backend.registry import seen_alive
from backend.registry.keeping import Keeper
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.loops import every
from cluster_ai.registry.service import Claim

OWNER: Final = Claim("head")
LEASE_SECONDS: Final = 10.0


class OwnServices:
    """Looks at the live picture; what is seen alive there has beaten."""

    def __init__(self, plane: Plane, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._live = plane.live
        self._lease = lease_seconds
        self._keeper = Keeper(plane.registry, OWNER)
        self._looked: float | None = None

    async def tick(self) -> None:
        """Renews what lives. A service that is silent is left to its lease, as everybody's is."""
        try:
            picture = self._live.overview()
        except Unavailable:
            # The first one is being made.
            return
        self._keeper.keep(seen_alive.api(picture, self._lease))
        if picture.at == self._looked:
            # An old picture is no sign of life of anybody but this process.
            return
        self._looked = picture.at
        for wanted, well in seen_alive.alive(picture, self._lease):
            self._keeper.keep(wanted, well=well)
        self._keeper.end_others(but=seen_alive.wanted(picture))

    def leave(self) -> None:
        """Takes all of them out."""
        self._keeper.end_others()


@asynccontextmanager
async def own_services(plane: Plane, *, tick_seconds: float) -> AsyncIterator[None]:
    """The head's services stand in its registry while the block runs."""
    own = OwnServices(plane, lease_seconds=max(LEASE_SECONDS, 5 * tick_seconds))
    loop = asyncio.create_task(every(tick_seconds, own.tick, name="own services"))
    try:
        yield
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
        own.leave()
