"""What becomes known of models, told on the bus: pulls as they go on, and what changed at nodes by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from backend.catalog_config import Around
from backend.changes import ClusterEvent
from backend.live import EVENTS, PULLS
from backend.model_nodes import ModelNodes
from cluster_ai.catalog.opening import Opened
from cluster_ai.catalog.residency import Change, Residency
from cluster_ai.catalog.types import PullView
from cluster_ai.core.loops import every

log = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 1.0
PIN_SECONDS: Final = 5.0


@asynccontextmanager
async def looked_after(room: Opened, nodes: ModelNodes, around: Around) -> AsyncIterator[None]:
    """Inside the block nodes are followed, and pinned models are kept in memory."""
    async with asyncio.TaskGroup() as tasks:
        loops = (
            tasks.create_task(every(PIN_SECONDS, room.upkeep.keep_pinned, name="pinned models")),
            tasks.create_task(following(room.residency, nodes, around)),
        )
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()


def tell(around: Around, view: PullView) -> None:
    """A pull changed: who follows pulls hears all of it, who follows events that it ended."""
    around.bus.publish(PULLS, view)
    if view.state.ended:
        event = ClusterEvent(at=around.times.now(), kind="pull.ended", subject=view.model, after=view.state.value)
        around.bus.publish(EVENTS, event)


async def following(residency: Residency, nodes: ModelNodes, around: Around) -> None:
    """Compares what nodes have with what they had, each second, until cancelled."""

    async def look() -> None:
        reports = {place.name: place.models if place.up else None for place in nodes.places()}
        for changed in residency.follow(reports):
            if changed.change in {Change.GONE, Change.REPLACED}:
                log.warning("a model changed at its node", node=changed.node, model=changed.model, how=changed.change)
                event = ClusterEvent(
                    at=around.times.now(),
                    kind=f"model.{changed.change.value}",
                    subject=f"{changed.model} at {changed.node}",
                    before=changed.before[:12],
                    after=changed.after[:12],
                )
                around.bus.publish(EVENTS, event)

    await every(LOOK_SECONDS, look, name="models at nodes")
