"""Deliveries on their way to endpoints.

A delivery that is taken is due again after ``LEASE_SECONDS``: a process that is killed while it sends loses nothing,
and its receiver may see that event twice, under one id. Order is not promised, not even to one endpoint: a delivery
that is tried again comes after younger ones.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from cluster_ai.core.db import Database
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.loops import heed_cancellation
from cluster_ai.notify import forms, tables
from cluster_ai.notify.courier import Courier
from cluster_ai.notify.records import Delivery, Endpoint
from cluster_ai.notify.settling import Settling

log = structlog.get_logger(__name__)
AT_ONCE: Final = 4
"""Connections to one endpoint. Each endpoint has its own: one that is slow holds up no other."""
LEASE_SECONDS: Final = 120.0
"""Longer than any attempt."""
LOOKED_AT: Final = 256


class Outbound:
    """Takes what is due and sends it, each endpoint by itself."""

    def __init__(self, database: Database, *, courier: Courier, settling: Settling, now: Callable[[], float]) -> None:
        self._database = database
        self._courier = courier
        self._settling = settling
        self._now = now
        self._inflight: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something is due: the next look is now."""
        self._wake.set()

    async def run(self, *, seconds: float) -> None:
        """Looks whenever it is woken, and each ``seconds``, until cancelled. Attempts that run then are given up."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self.tick()
                except ClusterError as exc:
                    log.warning("deliveries wait", code=exc.code, reason=exc.message)
                heed_cancellation()
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._wake.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def tick(self) -> int:
        """Begins attempts of what is due, as far as there is room; answers how many."""
        begun = 0
        # Again as long as there is any: those of one endpoint may have stood before all others'.
        while taken := await self._take():
            begun += len(taken)
            for endpoint, delivery in taken:
                self._begin(endpoint, delivery)
        return begun

    async def idle(self) -> None:
        """Waits until no attempt runs."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, endpoint: Endpoint, delivery: Delivery) -> None:
        self._inflight[endpoint.id] += 1
        task = asyncio.create_task(self._attempt(endpoint, delivery), name=f"webhook {delivery.id}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, endpoint.id))

    async def _take(self) -> list[tuple[Endpoint, Delivery]]:
        now = self._now()
        full = [endpoint for endpoint, count in self._inflight.items() if count >= AT_ONCE]
        # Looked at first without a turn of the one writer: mostly there is nothing.
        async with self._database.read() as connection:
            if not await tables.due(connection, now=now, but=full, most=1, lock=False):
                return []
        async with self._database.transaction() as connection:
            found = await tables.due(connection, now=now, but=full, most=LOOKED_AT, lock=True)
            enabled = {row.id: row for row in await tables.all_endpoints(connection) if row.enabled}
            chosen = self._chosen(found, enabled)
            await tables.postpone(connection, [row.id for _, row in chosen], until=now + LEASE_SECONDS)
        return chosen

    def _chosen(self, found: tuple[Delivery, ...], enabled: dict[str, Endpoint]) -> list[tuple[Endpoint, Delivery]]:
        room = Counter({name: AT_ONCE - self._inflight[name] for name in enabled})
        chosen = []
        for delivery in found:
            if room[delivery.endpoint_id] > 0:
                room[delivery.endpoint_id] -= 1
                chosen.append((enabled[delivery.endpoint_id], delivery))
        return chosen

    async def _attempt(self, endpoint: Endpoint, delivery: Delivery) -> None:
        event = forms.Carried(delivery.event_id, delivery.event_type, delivery.subject, delivery.body)
        answer = await self._courier.carry(endpoint, event, url=delivery.url)
        await self._settling.settle(delivery, answer)

    def _ended(self, task: "asyncio.Task[None]", endpoint_id: str) -> None:
        self._tasks.discard(task)
        self._inflight[endpoint_id] -= 1
        if not self._inflight[endpoint_id]:
            del self._inflight[endpoint_id]
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Mostly a database that is away: the delivery is due again when its lease is over.
            log.error("a delivery could not be settled", error=repr(error)[:300])
