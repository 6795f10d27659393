"""SQL of second factors. Every function takes the connection of a unit of work."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.accounts.tables import drop_factor, recovery_codes, second_factors


@dataclass(frozen=True, slots=True)
class Factor:
    """What somebody's codes are checked against. ``sealed``: the secret as it is stored; ``begun_at``: Unix seconds."""

    sealed: str
    confirmed: bool
    begun_at: float


async def factor_of(connection: AsyncConnection, user_id: str) -> Factor | None:
    """Theirs, confirmed or only begun."""
    query = select(second_factors).where(second_factors.c.user_id == user_id)
    row = (await connection.execute(query)).first()
    return None if row is None else Factor(row.sealed, row.confirmed, row.begun_at)


async def begin(connection: AsyncConnection, user_id: str, *, sealed: str, now: float) -> None:
    """Stores one that is not confirmed yet, in place of any."""
    await drop_factor(connection, user_id)
    values = {"user_id": user_id, "sealed": sealed, "confirmed": False, "last_step": 0, "begun_at": now}
    await connection.execute(second_factors.insert().values(values))


async def confirm(connection: AsyncConnection, user_id: str, *, sealed: str, step: int, digests: Iterable[str]) -> bool:
    """Whether it is on now by this call; False when it was, or when another was begun meanwhile."""
    pending = second_factors.c.confirmed.is_(sa.false()) & (second_factors.c.sealed == sealed)
    change = second_factors.update().where((second_factors.c.user_id == user_id) & pending)
    if (await connection.execute(change.values(confirmed=True, last_step=step))).rowcount != 1:
        return False
    await connection.execute(recovery_codes.insert(), [{"user_id": user_id, "digest": one} for one in digests])
    return True


async def spend_step(connection: AsyncConnection, user_id: str, *, sealed: str, step: int) -> bool:
    """Whether this step's code was still good; two at the same time are taken once."""
    later = (second_factors.c.sealed == sealed) & (second_factors.c.last_step < step)
    change = second_factors.update().where((second_factors.c.user_id == user_id) & later)
    return (await connection.execute(change.values(last_step=step))).rowcount == 1


async def spend_recovery(connection: AsyncConnection, user_id: str, *, digest: str) -> bool:
    """Whether there was such a code; it is gone."""
    one = (recovery_codes.c.user_id == user_id) & (recovery_codes.c.digest == digest)
    return (await connection.execute(recovery_codes.delete().where(one))).rowcount == 1


async def recovery_left(connection: AsyncConnection, user_id: str) -> int:
    query = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.user_id == user_id)
    return (await connection.execute(query)).scalar_one()
