"""SQL of the catalog room; nowhere else. Every function takes the connection of a unit of work."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.catalog.machine import Part
from cluster_ai.catalog.types import LayerProgress, Pin, PullState

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()
_LONGEST_STATUS = 256
_LONGEST_ERROR = 1024

pulls = sa.Table(
    "model_pulls",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("model", sa.String(256), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("copies", sa.Boolean, nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    sa.Column("created_at", _SECONDS, nullable=False),
    sa.Column("changed_at", _SECONDS, nullable=False),
    sa.Index("model_pulls_by_time", "created_at"),
)
pull_parts = sa.Table(
    "model_pull_parts",
    metadata,
    sa.Column("pull_id", sa.String(36), sa.ForeignKey("model_pulls.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("node", sa.String(128), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("status", sa.String(_LONGEST_STATUS), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("from_node", sa.String(128), nullable=False),
    sa.Column("error", sa.String(_LONGEST_ERROR), nullable=False),
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("layers", sa.JSON, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("model_pull_parts_by_state", "state"),
)
pins = sa.Table(
    "model_pins",
    metadata,
    sa.Column("model", sa.String(256), primary_key=True),
    sa.Column("node", sa.String(128), primary_key=True),
    sa.Column("by", sa.String(128), nullable=False),
    sa.Column("at", _SECONDS, nullable=False),
)
_OPEN = tuple(state.value for state in PullState if not state.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """One model for some nodes; its parts are kept beside it."""

    id: str
    model: str
    digest: str = ""
    size: int = 0
    copies: bool = True
    by: str = ""
    created_at: float
    changed_at: float


Kept = tuple[Pull, tuple[Part, ...]]
"""A pull with its parts, in the order of the nodes' names."""


async def add_pull(connection: AsyncConnection, pull: Pull, parts: Iterable[Part]) -> None:
    await connection.execute(pulls.insert().values(asdict(pull)))
    await connection.execute(pull_parts.insert(), [_values(part) for part in parts])


async def pull_by_id(connection: AsyncConnection, pull_id: str) -> Kept | None:
    found = await _with_parts(connection, select(pulls).where(pulls.c.id == pull_id))
    return found[0] if found else None


async def last_pulls(connection: AsyncConnection, *, most: int) -> tuple[Kept, ...]:
    """The newest first."""
    return await _with_parts(connection, select(pulls).order_by(pulls.c.created_at.desc(), pulls.c.id).limit(most))


async def open_pulls(connection: AsyncConnection) -> tuple[Kept, ...]:
    """Those with a part that has not ended; the oldest first: they have waited longest."""
    unfinished = select(pull_parts.c.pull_id).where(pull_parts.c.state.in_(_OPEN))
    return await _with_parts(connection, select(pulls).where(pulls.c.id.in_(unfinished)).order_by(pulls.c.created_at))


async def store_parts(connection: AsyncConnection, parts: Sequence[Part], *, now: float) -> None:
    """Every field of parts that are there."""
    if not parts:
        return
    ids: dict[str, sa.BindParameter[Any]] = {"pull_id": sa.bindparam("which"), "node": sa.bindparam("where_")}
    change = pull_parts.update().where(pull_parts.c.pull_id == ids["pull_id"], pull_parts.c.node == ids["node"])
    rows = [_values(part) for part in parts]
    names = [name for name in rows[0] if name not in ids]
    values = [
        {"which": row["pull_id"], "where_": row["node"]} | {f"new_{name}": row[name] for name in names} for row in rows
    ]
    # Named for their types: JSON would be bound as text.
    await connection.execute(
        change.values({name: sa.bindparam(f"new_{name}", type_=pull_parts.c[name].type) for name in names}), values
    )
    touched = sorted({part.pull_id for part in parts})
    await connection.execute(pulls.update().where(pulls.c.id.in_(touched)).values(changed_at=now))


async def remove_pull(connection: AsyncConnection, pull_id: str) -> None:
    # Parts first: not every SQLite connection of other programs minds foreign keys.
    await connection.execute(pull_parts.delete().where(pull_parts.c.pull_id == pull_id))
    await connection.execute(pulls.delete().where(pulls.c.id == pull_id))


async def remove_older(connection: AsyncConnection, *, keep: int) -> None:
    """Forgets ended pulls beyond the newest ``keep``."""
    newest = select(pulls.c.id).order_by(pulls.c.created_at.desc()).limit(keep)
    unfinished = select(pull_parts.c.pull_id).where(pull_parts.c.state.in_(_OPEN))
    old = select(pulls.c.id).where(pulls.c.id.not_in(newest), pulls.c.id.not_in(unfinished))
    gone = [row.id for row in await connection.execute(old)]
    for pull_id in gone:
        await remove_pull(connection, pull_id)


async def add_pin(connection: AsyncConnection, pin: Pin) -> None:
    """Stores it, or who set it last."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(pins)
    upsert = insert.on_conflict_do_update(
        index_elements=["model", "node"], set_={"by": insert.excluded["by"], "at": insert.excluded["at"]}
    )
    await connection.execute(upsert, [pin.model_dump()])


async def remove_pins(connection: AsyncConnection, model: str, nodes: Sequence[str]) -> None:
    await connection.execute(pins.delete().where(pins.c.model == model, pins.c.node.in_(nodes)))


async def all_pins(connection: AsyncConnection) -> tuple[Pin, ...]:
    rows = await connection.execute(select(pins).order_by(pins.c.model, pins.c.node))
    return tuple(Pin(model=row.model, node=row.node, by=row.by, at=row.at) for row in rows)


async def _with_parts(connection: AsyncConnection, query: sa.Select[Any]) -> tuple[Kept, ...]:
    found = [Pull(**row) for row in (await connection.execute(query)).mappings()]
    wanted = pull_parts.c.pull_id.in_([pull.id for pull in found])
    rows = await connection.execute(select(pull_parts).where(wanted).order_by(pull_parts.c.node))
    parts: dict[str, list[Part]] = {}
    for row in rows.mappings():
        parts.setdefault(row["pull_id"], []).append(_part(row))
    return tuple((pull, tuple(parts.get(pull.id, ()))) for pull in found)


def _values(part: Part) -> dict[str, Any]:
    return {
        "pull_id": part.pull_id,
        "node": part.node,
        "state": part.state.value,
        "status": part.status[:_LONGEST_STATUS],
        "source": part.source,
        "from_node": part.from_node,
        "error": part.error[:_LONGEST_ERROR],
        "code": part.code,
        "layers": [layer.model_dump() for layer in part.layers],
        "attempts": part.attempts,
    }


def _part(row: Any) -> Part:
    fields = dict(row)
    fields["state"] = PullState(fields["state"])
    fields["layers"] = tuple(LayerProgress(**layer) for layer in fields["layers"])
    return Part(**fields)
