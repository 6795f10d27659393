"""Incidents, and telemetry on its way."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()
_AT_ONCE: Final = 200

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("incident_id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(128), nullable=False),
    sa.Column("detail", sa.String(1024), nullable=False),
    sa.Column("plan_id", sa.String(36), nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("repair", sa.String(256), nullable=False),
    sa.Column("opened_at", _SECONDS, nullable=False),
    sa.Column("seen_at", _SECONDS, nullable=False),
    sa.Column("closed_at", _SECONDS, nullable=True),
)
buffer = sa.Table(
    "telemetry_buffer",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("at", _SECONDS, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Incident:
    """``count``: how often it was seen; ``repair``: what was done about it. Times in Unix seconds."""

    incident_id: str
    kind: str
    subject: str
    detail: str
    plan_id: str
    count: int
    repair: str
    opened_at: float
    seen_at: float
    closed_at: float | None = None


async def add(connection: AsyncConnection, incident: Incident) -> None:
    await connection.execute(incidents.insert().values(asdict(incident)))


async def store(connection: AsyncConnection, incident: Incident) -> None:
    """Every field of one that is there."""
    values = asdict(incident)
    change = incidents.update().where(incidents.c.incident_id == values.pop("incident_id"))
    await connection.execute(change.values(values))


def open_query() -> sa.Select[Any]:
    return select(incidents).where(incidents.c.closed_at.is_(None)).order_by(incidents.c.kind, incidents.c.subject)


async def open_ones(connection: AsyncConnection) -> tuple[Incident, ...]:
    """Those that nobody closed."""
    return tuple(_incident(row) for row in await connection.execute(open_query()))


def page_query(*, kind: str, is_open: bool, before: tuple[float, str] | None, limit: int) -> sa.Select[Any]:
    query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.incident_id.desc()).limit(limit)
    if kind:
        query = query.where(incidents.c.kind == kind)
    if is_open:
        query = query.where(incidents.c.closed_at.is_(None))
    if before is not None:
        row = sa.tuple_(incidents.c.opened_at, incidents.c.incident_id)
        query = query.where(row < sa.tuple_(*(sa.literal(value) for value in before)))
    return query


async def page(
    connection: AsyncConnection, *, kind: str, is_open: bool, before: tuple[float, str] | None, limit: int
) -> tuple[Incident, ...]:
    """The newest first."""
    rows = await connection.execute(page_query(kind=kind, is_open=is_open, before=before, limit=limit))
    return tuple(_incident(row) for row in rows)


async def forget(connection: AsyncConnection, before: float) -> None:
    """Drops those that were closed before then."""
    await connection.execute(incidents.delete().where(incidents.c.closed_at < before))


# -- telemetry on its way


async def keep(connection: AsyncConnection, record_id: str, body: dict[str, Any], at: float) -> None:
    """Puts a record at the end."""
    await connection.execute(buffer.insert().values(id=record_id, at=at, body=body))


async def waiting(connection: AsyncConnection, limit: int) -> tuple[tuple[str, dict[str, Any], float], ...]:
    """(id, body, when it was kept), the oldest first."""
    rows = await connection.execute(select(buffer).order_by(buffer.c.at, buffer.c.id).limit(limit))
    return tuple((row.id, row.body, row.at) for row in rows)


async def sent(connection: AsyncConnection, ids: Sequence[str]) -> None:
    for some in batches(ids, _AT_ONCE):
        await connection.execute(buffer.delete().where(buffer.c.id.in_(some)))


async def trim(connection: AsyncConnection, *, before: float, most: int) -> int:
    """Drops what is older than ``before``, and the oldest beyond ``most``; answers how many that were."""
    old = await connection.execute(buffer.delete().where(buffer.c.at < before))
    newest = select(buffer.c.at).order_by(buffer.c.at.desc(), buffer.c.id.desc()).offset(most).limit(1)
    bound = await connection.scalar(newest)
    more = 0
    if bound is not None:
        more = (await connection.execute(buffer.delete().where(buffer.c.at <= bound))).rowcount
    return old.rowcount + more


async def size(connection: AsyncConnection) -> int:
    return int(await connection.scalar(select(sa.func.count()).select_from(buffer)) or 0)


def _incident(row: Any) -> Incident:
    return Incident(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
