"""What makes tries at nodes, and loads models for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cluster_ai.gateway.means import Means
from cluster_ai.gateway.placing.admission import Desk
from cluster_ai.gateway.relaying.attempt import Attempts
from cluster_ai.gateway.relaying.loads import Loads


@asynccontextmanager
async def open_attempts(means: Means, desk: Desk) -> AsyncIterator[Attempts]:
    """Loads that still run when the block ends are given up."""
    loads = Loads(means)
    async with loads.open():
        yield Attempts(desk, loads, means)
