"""SQL of the notify room; nowhere else. Every function takes the connection of a unit of work."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches
from cluster_ai.notify.records import Delivery, Endpoint
from cluster_ai.notify.types import DeliveryState, EndpointKind

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()
_LONGEST_EXCERPT: Final = 1024
_LONGEST_ERROR: Final = 512
_AT_ONCE: Final = 200

endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("url", sa.String(2048), nullable=False),
    sa.Column("sealed", sa.String(1024), nullable=False),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("why_disabled", sa.String(16), nullable=False),
    sa.Column("failing_since", _SECONDS, nullable=True),
    sa.Column("created_at", _SECONDS, nullable=False),
)
deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("endpoint_id", sa.String(36), sa.ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), nullable=False),
    sa.Column("event_id", sa.String(36), nullable=False),
    sa.Column("event_type", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(128), nullable=False),
    sa.Column("url", sa.String(2048), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    # NULL for what has ended, so that one index leads to what is due and to what is old.
    sa.Column("next_at", _SECONDS, nullable=True),
    sa.Column("status", sa.Integer, nullable=True),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Column("excerpt", sa.String(_LONGEST_EXCERPT), nullable=False),
    sa.Column("error", sa.String(_LONGEST_ERROR), nullable=False),
    sa.Column("created_at", _SECONDS, nullable=False),
    sa.Column("changed_at", _SECONDS, nullable=False),
    sa.UniqueConstraint("endpoint_id", "event_id", name="webhook_deliveries_once"),
    sa.Index("webhook_deliveries_due", "next_at", "changed_at"),
    sa.Index("webhook_deliveries_by_endpoint", "endpoint_id", "created_at", "id"),
)
receipts = sa.Table(
    "webhook_receipts",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("at", _SECONDS, nullable=False),
    sa.Index("webhook_receipts_by_time", "at"),
)
_IS_OPEN: Final = deliveries.c.next_at.is_not(None)


# -- endpoints


async def add_endpoint(connection: AsyncConnection, endpoint: Endpoint) -> None:
    await connection.execute(endpoints.insert().values(_endpoint_values(endpoint)))


async def add_endpoint_once(connection: AsyncConnection, endpoint: Endpoint) -> None:
    """Unless one of that id is there."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(endpoints)
    await connection.execute(insert.on_conflict_do_nothing(index_elements=["id"]), [_endpoint_values(endpoint)])


async def change_endpoint(connection: AsyncConnection, endpoint: Endpoint) -> None:
    """Every field of one that is there."""
    change = endpoints.update().where(endpoints.c.id == endpoint.id)
    await connection.execute(change.values(_endpoint_values(endpoint)))


async def endpoint_by_id(connection: AsyncConnection, endpoint_id: str, *, lock: bool = False) -> Endpoint | None:
    """``lock``: nobody else may change it until this unit ends."""
    query = select(endpoints).where(endpoints.c.id == endpoint_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().first()
    return None if row is None else _endpoint(row)


async def all_endpoints(connection: AsyncConnection) -> tuple[Endpoint, ...]:
    """The oldest first."""
    rows = await connection.execute(select(endpoints).order_by(endpoints.c.created_at, endpoints.c.id))
    return tuple(_endpoint(row) for row in rows.mappings())


async def remove_endpoint(connection: AsyncConnection, endpoint_id: str) -> None:
    """With its deliveries."""
    await connection.execute(deliveries.delete().where(deliveries.c.endpoint_id == endpoint_id))
    await connection.execute(endpoints.delete().where(endpoints.c.id == endpoint_id))


# -- deliveries


async def add_deliveries(connection: AsyncConnection, new: Iterable[Delivery]) -> None:
    """Stores those that are not there yet: one for each event and endpoint."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(deliveries)
    once = insert.on_conflict_do_nothing(index_elements=["endpoint_id", "event_id"])
    for some in batches(new, _AT_ONCE):
        await connection.execute(once, [_delivery_values(delivery) for delivery in some])


async def due(
    connection: AsyncConnection, *, now: float, but: Collection[str], most: int, lock: bool
) -> tuple[Delivery, ...]:
    """Deliveries whose time has come, the longest waiting first; none of the endpoints ``but``.

    ``lock``: who else asks for theirs before this unit ends gets others (PostgreSQL), or waits (SQLite).
    """
    query = select(deliveries).where(deliveries.c.next_at <= now)
    if but:
        query = query.where(deliveries.c.endpoint_id.not_in(sorted(but)))
    query = query.order_by(deliveries.c.next_at, deliveries.c.changed_at).limit(most)
    if lock:
        query = query.with_for_update(skip_locked=True)
    return tuple(_delivery(row) for row in (await connection.execute(query)).mappings())


async def postpone(connection: AsyncConnection, ids: Sequence[str], *, until: float) -> None:
    """Nobody sends these before then."""
    await connection.execute(deliveries.update().where(deliveries.c.id.in_(ids)).values(next_at=until))


async def count_open(connection: AsyncConnection, *, most: int) -> int:
    """How many wait, counted up to ``most``."""
    waiting = select(deliveries.c.id).where(_IS_OPEN).limit(most).subquery()
    return int(await connection.scalar(select(sa.func.count()).select_from(waiting)) or 0)


async def settle(connection: AsyncConnection, delivery: Delivery) -> None:
    """Stores what became of an attempt, unless the delivery has ended meanwhile."""
    change = deliveries.update().where(deliveries.c.id == delivery.id, _IS_OPEN)
    await connection.execute(change.values(_delivery_values(delivery)))


async def end_open(connection: AsyncConnection, endpoint_id: str, *, error: str, now: float) -> None:
    """What waits for an endpoint that is disabled is dead: it can be sent again by hand."""
    change = deliveries.update().where(deliveries.c.endpoint_id == endpoint_id, _IS_OPEN)
    await connection.execute(change.values(state=DeliveryState.DEAD.value, next_at=None, error=error, changed_at=now))


async def queue_again(connection: AsyncConnection, endpoint_id: str, delivery_id: str | None, *, now: float) -> int:
    """That delivery, or every dead one, from the beginning; answers how many."""
    mine = deliveries.c.endpoint_id == endpoint_id
    chosen = (
        deliveries.c.state == DeliveryState.DEAD.value if delivery_id is None else deliveries.c.id == delivery_id
    )  # fmt: skip
    fresh = {"state": DeliveryState.QUEUED.value, "attempts": 0, "next_at": now, "changed_at": now, "error": ""}
    done = await connection.execute(deliveries.update().where(mine, chosen).values(fresh))
    return done.rowcount


async def deliveries_page(
    connection: AsyncConnection, endpoint_id: str, *, state: DeliveryState | None, before: str, most: int
) -> tuple[Delivery, ...]:
    """Of one endpoint, the newest first. ``before``: the id of the last one of the page before."""
    query = select(deliveries).where(deliveries.c.endpoint_id == endpoint_id)
    if state is not None:
        query = query.where(deliveries.c.state == state.value)
    if before:
        last = select(deliveries.c.created_at).where(deliveries.c.id == before).scalar_subquery()
        query = query.where(
            sa.or_(
                deliveries.c.created_at < last,
                sa.and_(deliveries.c.created_at == last, deliveries.c.id < before),
            )
        )
    query = query.order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc()).limit(most)
    return tuple(_delivery(row) for row in (await connection.execute(query)).mappings())


async def forget_ended(connection: AsyncConnection, *, before: float, most: int) -> int:
    """Drops up to ``most`` deliveries that ended before then; answers how many."""
    old = select(deliveries.c.id).where(deliveries.c.next_at.is_(None), deliveries.c.changed_at < before).limit(most)
    done = await connection.execute(deliveries.delete().where(deliveries.c.id.in_(old.scalar_subquery())))
    return done.rowcount


async def forget_idle(connection: AsyncConnection) -> None:
    """Drops endpoints that were made for tickets and of which nothing is kept any more."""
    mine = [endpoint.id for endpoint in await all_endpoints(connection) if endpoint.is_for_tickets]
    kept = sa.exists().where(deliveries.c.endpoint_id == endpoints.c.id)
    await connection.execute(endpoints.delete().where(endpoints.c.id.in_(mine), ~kept))


# -- receipts


async def take_receipt(connection: AsyncConnection, receipt: str, *, now: float) -> bool:
    """Whether the message is new. Who asks at the same moment waits here until this unit of work has ended."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(receipts)
    once = insert.values(id=receipt, at=now).on_conflict_do_nothing(index_elements=["id"]).returning(receipts.c.id)
    return await connection.scalar(once) is not None


async def forget_receipts(connection: AsyncConnection, *, before: float) -> None:
    await connection.execute(receipts.delete().where(receipts.c.at < before))


def _endpoint_values(endpoint: Endpoint) -> dict[str, Any]:
    return asdict(endpoint) | {"kind": endpoint.kind.value, "events": list(endpoint.events)}


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(**{**row, "kind": EndpointKind(row["kind"]), "events": tuple(row["events"])})


def _delivery_values(delivery: Delivery) -> dict[str, Any]:
    texts = {"excerpt": delivery.excerpt[:_LONGEST_EXCERPT], "error": delivery.error[:_LONGEST_ERROR]}
    return asdict(delivery) | {"state": delivery.state.value, **texts}


def _delivery(row: Any) -> Delivery:
    return Delivery(**{**row, "state": DeliveryState(row["state"])})
