"""The nodes looked after: probed, changed by a new configuration, and by which machines there are."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cluster_ai.gateway.means import Means
from cluster_ai.gateway.nodes.enrolled import Enrolled
from cluster_ai.gateway.nodes.probes import Prober
from cluster_ai.gateway.reload import Reload

__all__ = ["Enrolled", "Tended", "tended"]


@dataclass(frozen=True, slots=True)
class Tended:
    """What changes the pool from outside."""

    reload: Reload
    machines: Enrolled


@asynccontextmanager
async def tended(means: Means, *, changed: Callable[[], None]) -> AsyncIterator[Tended]:
    """Every node has been asked once when it begins; ``changed`` is called after each look."""
    prober = Prober(means.pool, means.session, means.settings, clock=means.clock, changed=changed)
    async with prober.watching():
        yield Tended(Reload(means.settings, means.pool, prober), Enrolled(means.pool, prober, means.lan))
