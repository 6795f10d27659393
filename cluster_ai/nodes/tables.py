"""SQL of the nodes room; nowhere else. Every function takes the connection of a unit of work."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.nodes.inventory import Inventory
from cluster_ai.nodes.power import Drawn
from cluster_ai.nodes.records import GivenOrder, Machine, Token
from cluster_ai.pki.authority import Revoked

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()

machines = sa.Table(
    "machines",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    sa.Column("machine_id", sa.String(256), nullable=False),
    sa.Column("joined_at", _SECONDS, nullable=False),
    sa.Column("joined_by", sa.String(128), nullable=False),
    sa.Column("cordoned", sa.Boolean, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
    # Labels and addresses have no spaces in them: spaces part them.
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("addresses", sa.Text, nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("inventory", sa.Text, nullable=False),
    sa.Column("serial", sa.String(40), nullable=False),
    sa.Column("certificate_until", _SECONDS, nullable=False),
    sa.Column("seen_at", _SECONDS, nullable=False),
)
join_tokens = sa.Table(
    "join_tokens",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("made_at", _SECONDS, nullable=False),
    sa.Column("made_by", sa.String(128), nullable=False),
    sa.Column("expires_at", _SECONDS, nullable=False),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("used_at", _SECONDS, nullable=True),
    sa.Column("used_by", sa.String(63), nullable=False),
    sa.Column("revoked_at", _SECONDS, nullable=True),
)
certificates = sa.Table(
    "machine_certificates",
    metadata,
    sa.Column("serial", sa.String(40), primary_key=True),
    sa.Column("machine_id", sa.String(36), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("expires_at", _SECONDS, nullable=False),
    sa.Column("revoked_at", _SECONDS, nullable=True),
    sa.Index("machine_certificates_by_machine", "machine_id"),
)
orders = sa.Table(
    "machine_orders",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("machine_id", sa.String(36), nullable=False),
    sa.Column("verb", sa.String(16), nullable=False),
    sa.Column("argument", sa.String(256), nullable=False),
    sa.Column("given_at", _SECONDS, nullable=False),
    sa.Column("given_by", sa.String(128), nullable=False),
    sa.Column("done_at", _SECONDS, nullable=True),
    sa.Column("error", sa.String(512), nullable=False),
    sa.Index("machine_orders_by_machine", "machine_id"),
)
energy = sa.Table(
    "machine_energy",
    metadata,
    sa.Column("machine", sa.String(63), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("watt_hours", sa.Double, nullable=False),
    sa.Column("measured_seconds", _SECONDS, nullable=False),
    sa.Index("machine_energy_by_day", "day"),
)


# -- machines


async def add_machine(connection: AsyncConnection, machine: Machine) -> None:
    await connection.execute(machines.insert().values(_values(machine)))


async def change_machine(connection: AsyncConnection, machine: Machine) -> None:
    """Stores every field of a machine that is there."""
    await connection.execute(machines.update().where(machines.c.id == machine.id).values(_values(machine)))


async def note_machine(connection: AsyncConnection, machine: Machine) -> None:
    """Stores what a machine tells of itself, and leaves what people want of it, which may have changed meanwhile."""
    values = _values(machine)
    told = {name: values[name] for name in ("addresses", "port", "inventory", "seen_at")}
    await connection.execute(machines.update().where(machines.c.id == machine.id).values(told))


async def machine_by(connection: AsyncConnection, *, name: str = "", machine_id: str = "") -> Machine | None:
    """One machine by its name or its id."""
    chosen = machines.c.name == name if name else machines.c.id == machine_id
    row = (await connection.execute(select(machines).where(chosen))).mappings().first()
    return None if row is None else _machine(row)


async def all_machines(connection: AsyncConnection) -> tuple[Machine, ...]:
    rows = await connection.execute(select(machines).order_by(machines.c.name))
    return tuple(map(_machine, rows.mappings()))


async def remove_machine(connection: AsyncConnection, machine_id: str) -> None:
    """The machine and what it was still to do; its certificates stay known."""
    await connection.execute(orders.delete().where(orders.c.machine_id == machine_id))
    await connection.execute(machines.delete().where(machines.c.id == machine_id))


def _values(machine: Machine) -> dict[str, Any]:
    values = asdict(machine) | {"inventory": machine.inventory.model_dump_json()}
    return values | {"labels": " ".join(machine.labels), "addresses": " ".join(machine.addresses)}


def _machine(row: Any) -> Machine:
    values = dict(row)
    values |= {name: tuple(values[name].split()) for name in ("labels", "addresses")}
    return Machine(**values | {"inventory": Inventory.model_validate_json(values["inventory"])})


# -- join tokens


async def add_token(connection: AsyncConnection, token: Token) -> None:
    values = asdict(token) | {"labels": " ".join(token.labels)}
    await connection.execute(join_tokens.insert().values(values))


async def token_by_id(connection: AsyncConnection, token_id: str) -> Token | None:
    row = (await connection.execute(select(join_tokens).where(join_tokens.c.id == token_id))).mappings().first()
    return None if row is None else _token(row)


async def all_tokens(connection: AsyncConnection) -> tuple[Token, ...]:
    """The newest first."""
    rows = await connection.execute(select(join_tokens).order_by(join_tokens.c.made_at.desc()))
    return tuple(map(_token, rows.mappings()))


async def use_token(connection: AsyncConnection, token_id: str, *, name: str, now: float) -> bool:
    """Marks it as used; whether this was the first time, whoever else tries at the same moment."""
    first = (join_tokens.c.id == token_id) & join_tokens.c.used_at.is_(None) & join_tokens.c.revoked_at.is_(None)
    done = await connection.execute(join_tokens.update().where(first).values(used_at=now, used_by=name))
    return done.rowcount == 1


async def revoke_token(connection: AsyncConnection, token_id: str, *, now: float) -> None:
    unused = (join_tokens.c.id == token_id) & join_tokens.c.used_at.is_(None) & join_tokens.c.revoked_at.is_(None)
    await connection.execute(join_tokens.update().where(unused).values(revoked_at=now))


async def forget_tokens(connection: AsyncConnection, *, before: float) -> None:
    """Those that ended long ago."""
    await connection.execute(join_tokens.delete().where(join_tokens.c.expires_at < before))


def _token(row: Any) -> Token:
    return Token(**dict(row) | {"labels": tuple(row["labels"].split())})


# -- certificates


async def add_certificate(connection: AsyncConnection, machine: Machine) -> None:
    values = {"serial": machine.serial, "machine_id": machine.id, "name": machine.name}
    await connection.execute(certificates.insert().values(values | {"expires_at": machine.certificate_until}))


async def revoke_certificates(connection: AsyncConnection, machine_id: str, *, now: float, but: str = "") -> None:
    """All of that machine, except the one with the serial ``but``."""
    theirs = (certificates.c.machine_id == machine_id) & certificates.c.revoked_at.is_(None)
    await connection.execute(
        certificates.update().where(theirs & (certificates.c.serial != but)).values(revoked_at=now)
    )


async def count_certificates(connection: AsyncConnection, machine_id: str, *, after: float) -> int:
    """Those of that machine that end after that moment (Unix seconds), revoked ones, too."""
    theirs = (certificates.c.machine_id == machine_id) & (certificates.c.expires_at > after)
    return int((await connection.execute(select(func.count()).select_from(certificates).where(theirs))).scalar_one())


async def forget_certificates(connection: AsyncConnection, machine_id: str, *, before: float) -> None:
    """Those of that machine that have expired and were never revoked."""
    old = (certificates.c.expires_at < before) & certificates.c.revoked_at.is_(None)
    await connection.execute(certificates.delete().where(old & (certificates.c.machine_id == machine_id)))


async def revoked(connection: AsyncConnection) -> tuple[Revoked, ...]:
    """Every certificate that was ever revoked: how many they are is the number of the list."""
    query = select(certificates.c.serial, certificates.c.revoked_at).where(certificates.c.revoked_at.is_not(None))
    rows = await connection.execute(query.order_by(certificates.c.revoked_at, certificates.c.serial))
    return tuple(Revoked(row.serial, row.revoked_at) for row in rows)


# -- orders


async def add_order(connection: AsyncConnection, order: GivenOrder) -> None:
    await connection.execute(orders.insert().values(asdict(order)))


async def open_orders(connection: AsyncConnection) -> tuple[GivenOrder, ...]:
    """Those that nobody has told the end of, oldest first."""
    rows = await connection.execute(select(orders).where(orders.c.done_at.is_(None)).order_by(orders.c.id))
    return tuple(GivenOrder(**dict(row)) for row in rows.mappings())


async def end_order(connection: AsyncConnection, order_id: str, *, machine_id: str, error: str, now: float) -> None:
    open_one = (orders.c.id == order_id) & (orders.c.machine_id == machine_id) & orders.c.done_at.is_(None)
    await connection.execute(orders.update().where(open_one).values(done_at=now, error=error))


async def last_orders(connection: AsyncConnection, machine_id: str, *, limit: int) -> tuple[GivenOrder, ...]:
    """The newest first."""
    query = select(orders).where(orders.c.machine_id == machine_id).order_by(orders.c.id.desc()).limit(limit)
    return tuple(GivenOrder(**dict(row)) for row in (await connection.execute(query)).mappings())


async def count_machines(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.count()).select_from(machines))).scalar_one())


# -- energy


async def add_energy(connection: AsyncConnection, rows: Mapping[tuple[str, str], Drawn]) -> None:
    """Adds to what is stored. ``rows`` by machine and day."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(energy)
    sums = {name: energy.c[name] + insert.excluded[name] for name in ("watt_hours", "measured_seconds")}
    upsert = insert.on_conflict_do_update(index_elements=["machine", "day"], set_=sums)
    await connection.execute(
        upsert, [{"machine": machine, "day": day} | asdict(drawn) for (machine, day), drawn in sorted(rows.items())]
    )


async def energy_between(connection: AsyncConnection, first: str, last: str) -> dict[tuple[str, str], Drawn]:
    """By machine and day, from one day to another, both with."""
    query = select(energy).where(energy.c.day >= first, energy.c.day <= last)
    return {
        (row.machine, row.day): Drawn(row.watt_hours, row.measured_seconds) for row in await connection.execute(query)
    }


async def energy_ever(connection: AsyncConnection) -> dict[str, Drawn]:
    """By machine, of all days."""
    sums = [func.sum(energy.c[name]).label(name) for name in ("watt_hours", "measured_seconds")]
    rows = await connection.execute(select(energy.c.machine, *sums).group_by(energy.c.machine))
    return {row.machine: Drawn(row.watt_hours, row.measured_seconds) for row in rows}
