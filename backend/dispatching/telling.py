"""Where telemetry of flows goes: onto the bus, and with it to the other processes where a Redis joins them."""

from collections.abc import Sequence
from typing import Final

from cluster_ai.core.bus import Bus
from cluster_ai.core.events import Event
from cluster_ai.core.redis_bus import SharedBus
from cluster_ai.core.redis_link import RedisUnavailable
from cluster_ai.plans.telemetry import Sink

TAKEN_SECONDS: Final = 5.0
"""A Redis that has not taken a record by then counts as away."""


def told(bus: Bus) -> Sink:
    """The sink. While Redis is away nothing is told, not here either: it waits where it is durable, in its order."""

    async def send(events: Sequence[Event]) -> None:
        if isinstance(bus, SharedBus) and not bus.traffic.reachable:
            raise RedisUnavailable(f"Redis cannot be used: {bus.traffic.problem}")
        for event in events:
            bus.publish(event.topic, _shown(event))
        if isinstance(bus, SharedBus) and not await bus.delivered(seconds=TAKEN_SECONDS):
            raise RedisUnavailable("Redis has not taken it in time")

    return send


def _shown(event: Event) -> dict[str, object]:
    """As everything that happens to plans is put on the bus."""
    data = dict(event.data)
    return {"id": event.id, "type": event.type, "subject": event.subject, "at": event.at, "data": data}
