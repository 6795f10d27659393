"""The gateway's inside as one lifetime: nodes watched, calls relayed, and what is known of both."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from cluster_ai.core.clock import Clock
from cluster_ai.gateway.means import Lan, Means, open_means
from cluster_ai.gateway.placing.places import open_desk
from cluster_ai.gateway.relaying.works import Works, open_works
from cluster_ai.gateway.reload import Reload, followed
from cluster_ai.gateway.served import Observer
from cluster_ai.gateway.tending import Enrolled, tended
from cluster_ai.gateway.types import GatewaySettings, GatewayView

__all__ = ["Lan", "Room", "open_room"]


@dataclass(frozen=True, slots=True)
class Room:
    """What the doors of the gateway use."""

    means: Means
    works: Works
    started_at: float
    reload: Reload
    machines: Enrolled

    def view(self) -> GatewayView:
        means, works = self.means, self.works
        now = means.clock()
        return GatewayView(
            started_at=self.started_at,
            inflight=works.ledger.counters.inflight,
            waiting=works.desk.waiting(),
            totals=works.ledger.counters.totals(),
            upstreams=tuple(upstream.view(now) for upstream in means.pool.all()),
            decisions=tuple(decision.view(now) for decision in works.ledger.decisions.last()),
        )


@asynccontextmanager
async def open_room(
    settings: GatewaySettings,
    *,
    embedded_url: str | None,
    clock: Clock = time.monotonic,
    observers: Sequence[Observer] = (),
    lan: Lan | None = None,
) -> AsyncIterator[Room]:
    """Watches the nodes as long as the block runs; every one has been asked once when it begins.

    ``lan``: how machines of the cluster are reached, which ``Room.machines`` is told of.
    """
    settings = followed(settings)
    async with AsyncExitStack() as stack:
        means = await stack.enter_async_context(
            open_means(settings, embedded_url=embedded_url, clock=clock, lan=lan or Lan())
        )
        desk = await stack.enter_async_context(open_desk(means))
        works = await stack.enter_async_context(open_works(means, desk, observers))
        nodes = await stack.enter_async_context(tended(means, changed=desk.look_again))
        yield Room(means, works, time.time(), nodes.reload, nodes.machines)
