"""Tickets that name an address of their own: it is told how they ended.

Each origin (scheme, host, port) that tickets name gets an endpoint by itself, so that a slow one holds up no other; it
subscribes to nothing, and is forgotten when nothing is kept of it any more. All of them sign with one secret, which an
administrator hands to whoever receives.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.events import Event
from cluster_ai.notify import forms, tables
from cluster_ai.notify.chance import Chance
from cluster_ai.notify.guard import Guard
from cluster_ai.notify.records import Delivery, Endpoint
from cluster_ai.notify.sealing import Seal
from cluster_ai.notify.types import MOST_ENDPOINTS, EndpointKind, TargetRefused

log = structlog.get_logger(__name__)
NAME: Final = "ticket-webhook.secret"
FRONT: Final = "ticket."
FIELD: Final = forms.OWN_ADDRESS
ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "skipped", "compensated", "dead"})


@dataclass(frozen=True, slots=True)
class TicketHooks:
    """``secret``: as people carry it."""

    guard: Guard
    seal: Seal
    chance: Chance
    secret: str

    async def wanted(self, connection: AsyncConnection, happened: Sequence[Event]) -> list[Delivery]:
        """The deliveries to tickets' own addresses, and an endpoint for each origin that is new.

        An address that may not be called is told nothing, and the log says so.
        """
        found = list(self._addressed(happened))
        if not found:
            return []
        known = {row.url: row for row in await tables.all_endpoints(connection) if row.is_for_tickets}
        made: list[Delivery] = []
        for event, url, origin in found:
            endpoint = known.get(origin)
            if endpoint is None and len(known) < MOST_ENDPOINTS:
                endpoint = known[origin] = self._endpoint(origin)
                await tables.add_endpoint_once(connection, endpoint)
            if endpoint is None:
                log.warning("tickets name too many receivers", ticket=event.subject)
            elif endpoint.enabled:
                made.append(self._delivery(endpoint, event, url))
        return made

    def _addressed(self, happened: Sequence[Event]) -> Iterator[tuple[Event, str, str]]:
        for event in happened:
            url = event.data.get(FIELD)
            if not event.type.startswith(FRONT) or event.data.get("status") not in ENDED or not isinstance(url, str):
                continue
            try:
                target = self.guard.read(url)
            except TargetRefused as exc:
                log.warning("a ticket names an address that may not be called", ticket=event.subject, why=exc.message)
            else:
                yield event, url, str(target.url.origin())

    def _endpoint(self, origin: str) -> Endpoint:
        # Made of the origin: two heads that meet it at once make one endpoint, and so one delivery of each event.
        endpoint_id = f"t-{hashlib.sha256(origin.encode()).hexdigest()[:32]}"
        return Endpoint(
            id=endpoint_id,
            name="tickets",
            kind=EndpointKind.WEBHOOK,
            url=origin,
            sealed=self.seal.close(self.secret, owner=endpoint_id),
            events=(),
            created_at=self.chance.now(),
        )

    def _delivery(self, endpoint: Endpoint, event: Event, url: str) -> Delivery:
        fresh = forms.delivery_of(event, endpoint.id, delivery_id=self.chance.new_id(), now=self.chance.now())
        return replace(fresh, url=url)
