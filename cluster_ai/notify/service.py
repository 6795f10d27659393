"""Endpoints and their deliveries as people manage them. Every public method is one unit of work."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.db import Database
from cluster_ai.core.errors import NotFound
from cluster_ai.notify import forms, tables
from cluster_ai.notify.chance import Chance
from cluster_ai.notify.courier import Courier
from cluster_ai.notify.records import Delivery, Endpoint
from cluster_ai.notify.types import (
    MOST_ENDPOINTS,
    Answer,
    DeliveryState,
    DeliveryView,
    Disabled,
    EndpointChanges,
    EndpointKind,
    EndpointView,
    MadeEndpoint,
    NewEndpoint,
    TooManyEndpoints,
)
from cluster_ai.notify.vetting import Vetting

TEST: Final = "webhook.test"
BY_HAND: Final = "by_hand"
_NAME_HINT: Final = "cluster-ai webhook list"


class Webhooks:
    """Adds, shows, changes and removes endpoints, and sends again what was not taken.

    ``wake``: told when something is due at once.
    """

    def __init__(
        self, database: Database, *, courier: Courier, vetting: Vetting, chance: Chance, wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._courier = courier
        self._vetting = vetting
        self._chance = chance
        self._wake = wake

    async def add(self, wanted: NewEndpoint) -> MadeEndpoint:
        """A new endpoint; its secret is told this once.

        Raises:
            TargetRefused: its address is malformed, or one that may not be called.
            InvalidInput: its secret is no secret of this kind.
            TooManyEndpoints: there are as many as may be.
        """
        kind, endpoint_id = EndpointKind(wanted.kind), self._chance.new_id()
        judged = await self._vetting.judged(wanted)
        endpoint = Endpoint(
            id=endpoint_id,
            name=wanted.name,
            kind=kind,
            url=judged.url,
            sealed=self._courier.seal.close(judged.secret, owner=endpoint_id) if judged.secret else "",
            events=tuple(dict.fromkeys(wanted.events)),
            created_at=self._chance.now(),
        )
        async with self._database.transaction() as connection:
            # Those that tickets name are bounded by themselves.
            if sum(not row.is_for_tickets for row in await tables.all_endpoints(connection)) >= MOST_ENDPOINTS:
                hint = "remove one: cluster-ai webhook remove"
                raise TooManyEndpoints(f"there are {MOST_ENDPOINTS} webhooks already", hint=hint)
            await tables.add_endpoint(connection, endpoint)
        return MadeEndpoint(endpoint=view_of(endpoint), secret=judged.secret if kind is EndpointKind.WEBHOOK else "")

    async def all(self) -> tuple[EndpointView, ...]:
        """The oldest first."""
        async with self._database.read() as connection:
            return tuple(view_of(endpoint) for endpoint in await tables.all_endpoints(connection))

    async def get(self, endpoint_id: str) -> EndpointView:
        """One endpoint.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as connection:
            return view_of(await _find(connection, endpoint_id))

    async def change(self, endpoint_id: str, changes: EndpointChanges) -> EndpointView:
        """Gives it another name or other events, or ends or begins its deliveries. What is enabled begins afresh.

        Raises:
            NotFound: there is none.
        """
        said, now = changes.model_fields_set, self._chance.now()
        async with self._database.transaction() as connection:
            endpoint = await _find(connection, endpoint_id, lock=True)
            if "name" in said:
                endpoint = replace(endpoint, name=changes.name)
            if "events" in said:
                endpoint = replace(endpoint, events=tuple(dict.fromkeys(changes.events)))
            if "enabled" in said and changes.enabled != endpoint.enabled:
                endpoint = replace(endpoint, failing_since=None, why_disabled="" if changes.enabled else BY_HAND)
                if not changes.enabled:
                    await tables.end_open(connection, endpoint.id, error="the webhook was disabled", now=now)
            await tables.change_endpoint(connection, endpoint)
        return view_of(endpoint)

    async def remove(self, endpoint_id: str) -> None:
        """With its deliveries.

        Raises:
            NotFound: there is none.
        """
        async with self._database.transaction() as connection:
            await _find(connection, endpoint_id, lock=True)
            await tables.remove_endpoint(connection, endpoint_id)

    async def deliveries(
        self, endpoint_id: str, *, state: DeliveryState | None = None, before: str = "", most: int = 50
    ) -> tuple[DeliveryView, ...]:
        """Of one endpoint, the newest first. ``before``: the id of the last one of the page before.

        Raises:
            NotFound: there is no such endpoint.
        """
        async with self._database.read() as connection:
            await _find(connection, endpoint_id)
            found = await tables.deliveries_page(connection, endpoint_id, state=state, before=before, most=most)
        return tuple(delivery_view(delivery) for delivery in found)

    async def redeliver(self, endpoint_id: str, delivery_id: str | None) -> int:
        """Queues that delivery again, or every dead one; answers how many.

        Raises:
            NotFound: there is no such endpoint, or it has no such delivery.
            Disabled: it is sent nothing.
        """
        async with self._database.transaction() as connection:
            endpoint = await _find(connection, endpoint_id, lock=True)
            if not endpoint.enabled:
                raise Disabled("the webhook is disabled", hint="cluster-ai webhook enable")
            count = await tables.queue_again(connection, endpoint_id, delivery_id, now=self._chance.now())
        if delivery_id is not None and count == 0:
            raise NotFound("there is no such delivery", hint="cluster-ai webhook deliveries")
        self._wake()
        return count

    async def test(self, endpoint_id: str) -> Answer:
        """Sends an event of the type ``webhook.test`` now, once, enabled or not; nothing of it is kept.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as connection:
            endpoint = await _find(connection, endpoint_id)
        return await self._courier.carry(endpoint, self._test_event(endpoint))

    def _test_event(self, endpoint: Endpoint) -> forms.Carried:
        event_id = self._chance.new_id()
        said = {
            "id": event_id, "type": TEST, "subject": endpoint.id, "at": self._chance.now(), "data": {},
        }  # fmt: skip
        return forms.Carried(event_id, TEST, endpoint.name or endpoint.id, json.dumps(said))


async def _find(connection: AsyncConnection, endpoint_id: str, *, lock: bool = False) -> Endpoint:
    found = await tables.endpoint_by_id(connection, endpoint_id, lock=lock)
    if found is None:
        raise NotFound("there is no such webhook", hint=_NAME_HINT)
    return found


def view_of(endpoint: Endpoint) -> EndpointView:
    """An endpoint without its secret."""
    return EndpointView(
        id=endpoint.id,
        name=endpoint.name,
        kind=endpoint.kind.value,
        url=endpoint.url,
        events=endpoint.events,
        enabled=endpoint.enabled,
        why_disabled=endpoint.why_disabled,
        failing_since=endpoint.failing_since,
        created_at=endpoint.created_at,
    )


def delivery_view(delivery: Delivery) -> DeliveryView:
    """A delivery without its body."""
    return DeliveryView(
        id=delivery.id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        subject=delivery.subject,
        state=delivery.state,
        attempts=delivery.attempts,
        next_at=delivery.next_at,
        status=delivery.status,
        ms=delivery.ms,
        excerpt=delivery.excerpt,
        error=delivery.error,
        created_at=delivery.created_at,
        changed_at=delivery.changed_at,
    )
