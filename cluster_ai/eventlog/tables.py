"""SQL of the event log; nowhere else. Every function takes the connection of a unit of work."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches
from cluster_ai.eventlog.types import ClusterEvent, EventFilter, KeptEvent

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
LONGEST: Final = {"kind": 64, "subject": 200, "before": 500, "after": 500}
"""Characters of a column; what is longer is cut."""
_AT_ONCE: Final = 200

happenings = sa.Table(
    "happenings",
    metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("at", _SECONDS, nullable=False),
    sa.Column("kind", sa.String(LONGEST["kind"]), nullable=False),
    sa.Column("subject", sa.String(LONGEST["subject"]), nullable=False),
    sa.Column("before", sa.String(LONGEST["before"]), nullable=False),
    sa.Column("after", sa.String(LONGEST["after"]), nullable=False),
    sa.Index("happenings_by_kind", "kind", "number"),
    sa.Index("happenings_by_time", "at"),
)


async def add(connection: AsyncConnection, found: Sequence[ClusterEvent]) -> None:
    rows = [_row(one) for one in found]
    for some in batches(rows, _AT_ONCE):
        await connection.execute(happenings.insert(), list(some))


def _row(happening: ClusterEvent) -> dict[str, object]:
    values = happening.model_dump()
    return {name: _fit(values[name], LONGEST[name]) for name in LONGEST} | {"at": happening.at}


def _fit(text: str, most: int) -> str:
    # PostgreSQL holds no NUL, and what one machine calls itself must not keep all others' events out.
    return text[:most].replace("\0", "\N{REPLACEMENT CHARACTER}")


async def page(connection: AsyncConnection, wanted: EventFilter, *, before: int, limit: int) -> tuple[KeptEvent, ...]:
    """Those with a number below ``before``, newest first."""
    query = page_query(wanted, before=before, limit=limit)
    return tuple(KeptEvent.model_validate(dict(row)) for row in (await connection.execute(query)).mappings())


def page_query(wanted: EventFilter, *, before: int, limit: int) -> sa.Select[Any]:
    met = select(happenings).where(happenings.c.number < before, *_wanted(wanted))
    return met.order_by(happenings.c.number.desc()).limit(limit)


def _wanted(wanted: EventFilter) -> list[sa.ColumnElement[bool]]:
    met: list[sa.ColumnElement[bool]] = []
    if wanted.kind:
        met.append(happenings.c.kind == wanted.kind)
    if wanted.subject:
        met.append(happenings.c.subject.icontains(wanted.subject, autoescape=True))
    if wanted.since is not None:
        met.append(happenings.c.at >= wanted.since)
    if wanted.until is not None:
        met.append(happenings.c.at < wanted.until)
    return met


async def prune(connection: AsyncConnection, *, older_than: float, most: int) -> int:
    """Takes away what is older, and all but the newest ``most``; how many went."""
    newest = (await connection.execute(select(sa.func.max(happenings.c.number)))).scalar_one() or 0
    old = sa.or_(happenings.c.at < older_than, happenings.c.number <= newest - most)
    return (await connection.execute(happenings.delete().where(old))).rowcount
