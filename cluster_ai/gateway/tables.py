"""SQL of the gateway room; nowhere else. Every function takes the connection of a unit of work."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.gateway.watching.logged import LONGEST, RequestView, Wanted

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()
# SQLite numbers rows by itself only where the key is an INTEGER; it holds 64 bits there, too.
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.String(LONGEST[name]), nullable=False)


requests = sa.Table(
    "gateway_requests",
    metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("at", _SECONDS, nullable=False),
    *map(_text, LONGEST),
    sa.Column("stream", sa.Boolean, nullable=False),
    sa.Column("priority", sa.String(16), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("tried", sa.JSON, nullable=False),
    sa.Column("resumed", sa.Integer, nullable=False),
    sa.Column("queue_seconds", _SECONDS, nullable=False),
    sa.Column("load_seconds", _SECONDS, nullable=False),
    sa.Column("ttft_seconds", _SECONDS, nullable=True),
    sa.Column("total_seconds", _SECONDS, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("trace_id", sa.String(32), nullable=False),
    sa.Index("gateway_requests_by_id", "request_id"),
    sa.Index("gateway_requests_by_time", "at"),
)


async def add(connection: AsyncConnection, rows: Sequence[dict[str, object]]) -> None:
    """All rows have the same keys. They go to the driver as they are: what stands before it would double their cost."""
    if not rows:
        return
    insert = requests.insert().inline().compile(dialect=connection.dialect, column_keys=list(rows[0]))
    plain = [row | {"tried": orjson.dumps(row["tried"]).decode()} for row in rows]
    if insert.positional:
        take = itemgetter(*insert.positiontup or ())
        await connection.exec_driver_sql(str(insert), list(map(take, plain)))
    else:
        await connection.exec_driver_sql(str(insert), plain)


async def page(connection: AsyncConnection, wanted: Wanted) -> tuple[RequestView, ...]:
    """Newest first, at most ``wanted.limit``."""
    query = select(requests).where(requests.c.number < wanted.before)
    if wanted.model:
        query = query.where((requests.c.model == wanted.model) | (requests.c.answered_by == wanted.model))
    for column, value in (
        (requests.c.node, wanted.node),
        (requests.c.outcome, wanted.outcome),
        (requests.c.key_id, wanted.key),
    ):
        query = query.where(column == value) if value else query
    query = query.order_by(requests.c.number.desc()).limit(wanted.limit)
    return tuple(map(_view, (await connection.execute(query)).mappings()))


async def find(connection: AsyncConnection, request_id: str) -> RequestView | None:
    """The newest call with that id: clients may send one twice."""
    query = select(requests).where(requests.c.request_id == request_id)
    row = (await connection.execute(query.order_by(requests.c.number.desc()).limit(1))).mappings().first()
    return None if row is None else _view(row)


async def newest(connection: AsyncConnection) -> int:
    """The number of the last call; 0 when there is none."""
    found: int | None = await connection.scalar(select(func.max(requests.c.number)))
    return found or 0


async def after(connection: AsyncConnection, number: int, *, upto: int, limit: int) -> tuple[dict[str, Any], ...]:
    """How calls ended, with a number in (``number``, ``upto``], the oldest first."""
    names = ("number", "at", "model", "answered_by", "node", "outcome", "status", "ttft_seconds", "total_seconds")
    query = (
        select(*(requests.c[name] for name in names))
        .where(requests.c.number > number, requests.c.number <= upto)
        .order_by(requests.c.number)
        .limit(limit)
    )
    return tuple(dict(row) for row in (await connection.execute(query)).mappings())


async def drop_old(connection: AsyncConnection, *, before: float, keep: int, most: int) -> int:
    """Removes up to ``most`` rows that are older than ``before`` or beyond the newest ``keep``; how many it were."""
    newest = (await connection.execute(select(func.max(requests.c.number)))).scalar()
    if newest is None:
        return 0
    old = (requests.c.at < before) | (requests.c.number <= newest - keep)
    some = select(requests.c.number).where(old).order_by(requests.c.number).limit(most)
    return (await connection.execute(requests.delete().where(requests.c.number.in_(some)))).rowcount


def _view(row: Any) -> RequestView:
    return RequestView.model_validate(dict(row))
