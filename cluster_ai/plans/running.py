"""The dispatcher's loop: woken by what happens to tickets, and by the clock when nothing does."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import structlog

from cluster_ai.core.bus import Bus, Message, Subscription
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.loops import heed_cancellation
from cluster_ai.plans.dispatcher import Dispatcher, Picture

log = structlog.get_logger(__name__)
POLL_SECONDS: Final = 0.5
"""A tick at least so often: another process may have changed something without a word on this bus."""
REST_SECONDS: Final = 0.02
"""After a tick: what ends in it is looked at together."""
TOPICS: Final = ("ticket", "plan")
WAKING: Final = frozenset(
    {
        "ticket.ready",
        "ticket.returned",
        "ticket.unblocked",
        "ticket.completed",
        "ticket.compensated",
        "ticket.compensating",
        "ticket.failed",
        "ticket.retrying",
        "ticket.dead_lettered",
        "ticket.cancelled",
        "ticket.revived",
        "plan.submitted",
        "plan.generated",
        "plan.resumed",
        "plan.started",
    }
)
CANCELLING: Final = "ticket.cancelling"
"""Words of the outbox, as the API puts them on the bus."""
Seen = Callable[[Picture], Awaitable[None]]
"""Told of every tick; what it raises of ours is logged."""


class Running:
    """``run`` until it is cancelled. ``cancel(ticket_id, attempt, worker)`` ends an attempt at its worker."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        bus: Bus,
        *,
        now: Callable[[], float],
        cancel: Callable[[str, int, str], Awaitable[object]],
        seen: Seen,
    ) -> None:
        self._dispatcher = dispatcher
        self._bus = bus
        self._now = now
        self._cancel = cancel
        self._seen = seen
        self._cancelling: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        with self._bus.subscribe(*TOPICS, bound=4096) as subscription:
            while True:
                await self._tick()
                heed_cancellation()
                await asyncio.sleep(REST_SECONDS)
                await self._wait(subscription)

    async def _tick(self) -> None:
        try:
            picture = await self._dispatcher.tick(self._now())
            if picture is not None:
                await self._seen(picture)
        except ClusterError as exc:
            # The database is away, mostly: what is leased goes on meanwhile.
            log.warning("no dispatching just now", code=exc.code, reason=exc.message)
        except Exception:  # a loop outlives one bad tick; the log has the story
            log.exception("tick failed", loop="dispatching")

    async def _wait(self, subscription: Subscription) -> None:
        """Until something happened that a tick is for; one is enough for all that happened meanwhile."""
        if self._heard_of(subscription.pending()):
            return
        try:
            async with asyncio.timeout(POLL_SECONDS):
                while not self._heard_of([await subscription.next(), *subscription.pending()]):
                    pass
        except TimeoutError:
            return

    def _heard_of(self, messages: Iterable[Message]) -> bool:
        """Whether any of them is a reason; each is heard."""
        return sum(map(self._heard, messages)) > 0

    def _heard(self, message: Message) -> bool:
        event = message.data
        kind = str(event["type"])
        if kind == CANCELLING:
            task = asyncio.create_task(self._tell(event["subject"], event["data"]), name=f"cancel {event['subject']}")
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)
        return kind in WAKING and (not kind.startswith("ticket.") or self._dispatcher.heeds(str(event["subject"])))

    async def _tell(self, ticket_id: str, data: Mapping[str, Any]) -> None:
        """At once; the answer to its next beat tells the worker all the same."""
        try:
            await self._cancel(ticket_id, int(data.get("attempt", 0)), str(data.get("agent_id", "")))
        except ClusterError as exc:
            log.info("the worker hears with its next beat that it is to stop", ticket=ticket_id, reason=exc.message)
