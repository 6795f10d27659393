"""What becomes of a delivery, and of its endpoint, after an attempt: one unit of work."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from cluster_ai.core import outbox
from cluster_ai.core.db import Database
from cluster_ai.core.events import Event
from cluster_ai.notify import tables
from cluster_ai.notify.chance import Chance
from cluster_ai.notify.records import Delivery, Endpoint
from cluster_ai.notify.retrying import GONE, Health, health_of, next_of
from cluster_ai.notify.types import Answer, DeliveryState

log = structlog.get_logger(__name__)
DISABLED: Final = "webhook.disabled"


@dataclass(frozen=True, slots=True)
class Settling:
    """``patience``: seconds of nothing but failures after which an endpoint is disabled.

    ``reckon``: told how each attempt ended; ``tell``: passes events on inside this process.
    """

    database: Database
    chance: Chance
    patience: float
    reckon: Callable[[Answer], None]
    tell: outbox.Tell

    async def settle(self, delivery: Delivery, answer: Answer) -> None:
        """Stores how an attempt ended. What was removed, or ended by hand meanwhile, stays so."""
        self.reckon(answer)
        now, attempts = self.chance.now(), delivery.attempts + 1
        then = next_of(attempts, answer, now=now, draw=self.chance.draw)
        after = replace(
            delivery,
            state=then.state,
            attempts=attempts,
            next_at=then.at,
            status=answer.status,
            ms=answer.ms,
            excerpt=answer.excerpt,
            error=answer.error,
            changed_at=now,
        )
        async with outbox.unit(self.database, self.tell) as work:
            endpoint = await tables.endpoint_by_id(work.connection, delivery.endpoint_id, lock=True)
            if endpoint is None:
                return
            await tables.settle(work.connection, after)
            if endpoint.enabled:
                await self._judge(work, endpoint, answer, now=now)
        if then.state is DeliveryState.DEAD:
            log.warning("a webhook was given up", endpoint=endpoint.id, delivery=delivery.id, status=answer.status)

    async def _judge(self, work: outbox.Unit, endpoint: Endpoint, answer: Answer, *, now: float) -> None:
        before = Health(endpoint.failing_since, endpoint.why_disabled)
        after = health_of(before, answer, now=now, patience=self.patience)
        if endpoint.is_for_tickets and answer.status == GONE:
            # One ticket's address is gone, not all of that place.
            after = before
        if after == before:
            return
        changed = replace(endpoint, failing_since=after.failing_since, why_disabled=after.why_disabled)
        await tables.change_endpoint(work.connection, changed)
        if changed.enabled:
            return
        await tables.end_open(work.connection, endpoint.id, error="the webhook was disabled", now=now)
        said = {"name": endpoint.name, "reason": after.why_disabled}
        # Nothing is said of deliveries that die: whoever subscribed to that and is away would make more of them.
        work.say(Event(self.chance.new_id(), DISABLED, endpoint.id, said, now))
