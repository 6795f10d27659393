"""What answers calls, put together: places, tries, and the books of it all."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cluster_ai.gateway.means import Means
from cluster_ai.gateway.placing.admission import Desk
from cluster_ai.gateway.relaying.ledger import Ledger
from cluster_ai.gateway.relaying.relay import Relay
from cluster_ai.gateway.relaying.retries import Retries
from cluster_ai.gateway.relaying.trying import open_attempts
from cluster_ai.gateway.relaying.walk import Walk
from cluster_ai.gateway.served import Observer


@dataclass(frozen=True, slots=True)
class Works:
    desk: Desk
    ledger: Ledger
    relay: Relay


@asynccontextmanager
async def open_works(means: Means, desk: Desk, observers: Sequence[Observer]) -> AsyncIterator[Works]:
    """Calls are answered as long as the block runs."""
    settings, clock = means.settings, means.clock
    ledger = Ledger(observers, clock=clock)
    async with open_attempts(means, desk) as attempts:
        walk = Walk(
            attempts,
            ledger,
            Retries(means.pool, settings, clock=clock),
            idle_seconds=settings.idle_seconds,
        )
        relay = Relay(walk, ledger, resolve=means.pool.resolve, total_seconds=settings.total_seconds, clock=clock)
        yield Works(desk, ledger, relay)
