"""SQL of the keys room; nowhere else. Every function takes the connection of a unit of work."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.keys.records import Key, Span, Used, Written
from cluster_ai.keys.types import Limits, Priority, UsageBy, UsageRow

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("owner_id", sa.String(36), nullable=True),
    sa.Column("prefix", sa.String(16), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    # Scopes and patterns have no spaces in them: spaces part them.
    sa.Column("scopes", sa.String(256), nullable=False),
    sa.Column("models", sa.Text, nullable=False),
    sa.Column("requests_per_minute", sa.BigInteger, nullable=False),
    sa.Column("requests_per_day", sa.BigInteger, nullable=False),
    sa.Column("tokens_per_minute", sa.BigInteger, nullable=False),
    sa.Column("tokens_per_day", sa.BigInteger, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("resume", sa.Boolean, nullable=False),
    sa.Column("hedge", sa.Boolean, nullable=False),
    sa.Column("created_at", _SECONDS, nullable=False),
    sa.Column("expires_at", _SECONDS, nullable=True),
    sa.Column("revoked_at", _SECONDS, nullable=True),
    sa.Column("last_used_at", _SECONDS, nullable=True),
    # Another random number at every change: their sum tells gateways that something did change.
    sa.Column("stamp", sa.BigInteger, nullable=False),
    sa.Index("api_keys_by_owner", "owner_id"),
)
usage = sa.Table(
    "usage",
    metadata,
    sa.Column("key_id", sa.String(36), primary_key=True),
    sa.Column("model", sa.String(256), primary_key=True),
    sa.Column("node", sa.String(128), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("errors", sa.BigInteger, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Index("usage_by_day", "day"),
)
# The accounts room owns this one; names are all that is wanted of it.
_users = sa.table("users", sa.column("id", sa.String), sa.column("name", sa.String), sa.column("disabled", sa.Boolean))
_TURNS: Final = 6_402_373_706
"""PostgreSQL's advisory lock for names of keys."""
_COUNTED: Final = ("requests", "errors", "prompt_tokens", "output_tokens")
_LIMITS: Final = tuple(Limits.model_fields)


# -- keys


async def take_turns(connection: AsyncConnection) -> None:
    """Until this unit of work ends nobody else gives keys their names, which no index can keep apart: keys expire."""
    if connection.dialect.name == "postgresql":
        # SQLite's writers take turns anyway.
        await connection.execute(select(func.pg_advisory_xact_lock(_TURNS)))


async def add_key(connection: AsyncConnection, key: Key, *, digest: str, stamp: int) -> None:
    await connection.execute(api_keys.insert().values(_values(key) | {"digest": digest, "stamp": stamp}))


async def change_key(connection: AsyncConnection, key: Key, *, stamp: int) -> None:
    """Stores every field of a key that is there."""
    values = _values(key) | {"stamp": stamp}
    del values["last_used_at"]  # a gateway may note a use at the same moment
    await connection.execute(api_keys.update().where(api_keys.c.id == key.id).values(values))


async def keys_page(connection: AsyncConnection, *, owner_id: str | None) -> tuple[tuple[Key, str], ...]:
    """Keys with their owners' names, oldest first; of one owner, or of all when None."""
    query = _with_owner().order_by(api_keys.c.created_at, api_keys.c.id)
    if owner_id is not None:
        query = query.where(api_keys.c.owner_id == owner_id)
    return tuple((_key(row), row.owner or "") for row in await connection.execute(query))


async def key_by_id(connection: AsyncConnection, key_id: str) -> tuple[Key, str] | None:
    """The key and its owner's name."""
    row = (await connection.execute(_with_owner().where(api_keys.c.id == key_id))).first()
    return None if row is None else (_key(row), row.owner or "")


async def count_in_force(connection: AsyncConnection) -> int:
    """How many keys were not revoked."""
    query = select(func.count()).select_from(api_keys).where(api_keys.c.revoked_at.is_(None))
    return int(await connection.scalar(query) or 0)


async def is_name_taken(connection: AsyncConnection, name: str, *, owner_id: str | None, now: float) -> bool:
    """Whether the owner (None: the machine) has a key of that name that was not revoked and has not expired."""
    ends = api_keys.c.expires_at
    query = select(api_keys.c.id).where(
        api_keys.c.name == name,
        api_keys.c.owner_id.is_(None) if owner_id is None else api_keys.c.owner_id == owner_id,
        api_keys.c.revoked_at.is_(None),
        ends.is_(None) | (ends > now),
    )
    return await connection.scalar(query.limit(1)) is not None


async def user_id_of(connection: AsyncConnection, name: str) -> str | None:
    found: str | None = await connection.scalar(select(_users.c.id).where(_users.c.name == name))
    return found


# -- what gateways read


async def marker(connection: AsyncConnection) -> tuple[int, int]:
    """Differs after any key was added, changed or removed, also by its owner's removal or disabling."""
    sums = select(func.count(), func.coalesce(func.sum(api_keys.c.stamp), 0)).select_from(api_keys)
    row = (await connection.execute(sums.where(_of_enabled()))).one()
    return int(row[0]), int(row[1])


async def keys_in_force(connection: AsyncConnection) -> tuple[tuple[str, Key], ...]:
    """Digest and key of each that is not revoked and whose owner is not disabled.

    Those that expired are among them: time passes without a change.
    """
    rows = await connection.execute(select(api_keys).where(api_keys.c.revoked_at.is_(None), _of_enabled()))
    return tuple((row.digest, _key(row)) for row in rows)


def _of_enabled() -> sa.ColumnElement[bool]:
    disabled = select(_users.c.id).where(_users.c.disabled.is_(sa.true()))
    # None is a key of the machine's own; ``NOT IN`` would leave it out.
    return api_keys.c.owner_id.is_(None) | api_keys.c.owner_id.not_in(disabled)


# -- usage


async def add_usage(connection: AsyncConnection, rows: Iterable[Used]) -> None:
    """Adds to what is stored."""
    values = [asdict(row) for row in rows]
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(usage)
    sums = {name: usage.c[name] + insert.excluded[name] for name in _COUNTED}
    upsert = insert.on_conflict_do_update(index_elements=["key_id", "model", "node", "day"], set_=sums)
    await connection.execute(upsert, values)


async def note_use(connection: AsyncConnection, last_used: Mapping[str, float]) -> None:
    """Notes when keys were last used."""
    change = api_keys.update().where(api_keys.c.id == sa.bindparam("which")).values(last_used_at=sa.bindparam("at"))
    await connection.execute(change, [{"which": key_id, "at": at} for key_id, at in sorted(last_used.items())])


async def usage_by(connection: AsyncConnection, by: UsageBy, *, span: Span) -> tuple[UsageRow, ...]:
    """Sums over ``span``, grouped; by day in order, else the largest first."""
    known = usage.outerjoin(api_keys, api_keys.c.id == usage.c.key_id)
    which, name = _GROUPS[by]
    if by == "user":
        known = known.outerjoin(_users, _users.c.id == api_keys.c.owner_id)
    sums = [func.coalesce(func.sum(usage.c[column]), 0).label(column) for column in _COUNTED]
    query = select(which.label("group_id"), name.label("group_name"), *sums).select_from(known)
    query = query.where(*_inside(span)).group_by(which, name)
    first: sa.UnaryExpression[Any] = sa.asc("group_id") if by == "day" else sa.desc("requests")
    rows = await connection.execute(query.order_by(first, "group_id"))
    return tuple(_usage_row(row) for row in rows)


async def written(connection: AsyncConnection, *, span: Span) -> tuple[Written, ...]:
    """Tokens of answers by node and day, of nodes and days that have any."""
    tokens = func.sum(usage.c.output_tokens)
    query = select(usage.c.node, usage.c.day, tokens.label("tokens")).where(*_inside(span), usage.c.node != "")
    rows = await connection.execute(query.group_by(usage.c.node, usage.c.day))
    return tuple(Written(row.node, row.day, int(row.tokens)) for row in rows)


async def last_days(connection: AsyncConnection) -> dict[tuple[str, str], str]:
    """The last day of a call, by node and model as callers named it; of calls that failed there, too."""
    query = select(usage.c.node, usage.c.model, func.max(usage.c.day).label("day")).where(usage.c.node != "")
    rows = await connection.execute(query.group_by(usage.c.node, usage.c.model))
    return {(row.node, row.model): row.day for row in rows}


_GROUPS: Final[dict[UsageBy, tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]]] = {
    "key": (usage.c.key_id, api_keys.c.name),
    "user": (api_keys.c.owner_id, _users.c.name),
    "model": (usage.c.model, usage.c.model),
    "node": (usage.c.node, usage.c.node),
    "day": (usage.c.day, usage.c.day),
}


def _inside(span: Span) -> list[sa.ColumnElement[bool]]:
    found = [usage.c.day >= span.first, usage.c.day <= span.last]
    if span.owner_id is not None:
        found.append(api_keys.c.owner_id == span.owner_id)
    if span.key_id is not None:
        found.append(usage.c.key_id == span.key_id)
    return found


def _usage_row(row: Any) -> UsageRow:
    counted = {name: int(getattr(row, name)) for name in _COUNTED}
    return UsageRow(id=row.group_id or "", name=row.group_name or row.group_id or "", **counted)


def _with_owner() -> sa.Select[Any]:
    joined = api_keys.outerjoin(_users, _users.c.id == api_keys.c.owner_id)
    return select(api_keys, _users.c.name.label("owner")).select_from(joined)


def _values(key: Key) -> dict[str, Any]:
    values = asdict(key)
    del values["limits"]
    values |= {"scopes": " ".join(key.scopes), "models": " ".join(key.models), "priority": int(key.priority)}
    return values | key.limits.model_dump()


def _key(row: Any) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        owner_id=row.owner_id,
        prefix=row.prefix,
        scopes=tuple(row.scopes.split()),
        models=tuple(row.models.split()),
        limits=Limits(**{name: getattr(row, name) for name in _LIMITS}),
        priority=Priority(row.priority),
        resume=row.resume,
        hedge=row.hedge,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
