"""SQL of the term: one row. All times in it are the database's own clock.

A term is alive while its end lies ahead, and no further ahead than a term is long: after the database's clock was set
back, an old end would else hold for hours.

On PostgreSQL a unit of work of the leader shares an advisory lock until it commits, and whoever takes the term has that
lock alone: no write of an old term is committed after the new one began. The lock is asked for before the clock is, so
that a statement whose view of the row is older than its lock still sees that the term is over.
"""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.election.deciding import FOREVER, Seen

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()

lease = sa.Table(
    "leader_lease",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.String(128), nullable=False),
    sa.Column("since", _SECONDS, nullable=True),
    # NULL: a term without an end, of the only head that there is.
    sa.Column("expires_at", _SECONDS, nullable=True),
    sa.Column("seconds", _SECONDS, nullable=False),
)

LOCK: Final = 0x1EADE2
"""Of PostgreSQL's advisory locks."""
_CLOCK: Final = sa.cast(sa.extract("epoch", func.clock_timestamp()), sa.Double)
_ALIVE: Final = sa.and_(lease.c.expires_at > _CLOCK, lease.c.expires_at <= _CLOCK + lease.c.seconds)
_IS_IT: Final = lease.c.epoch == sa.bindparam("epoch_asked", type_=sa.BigInteger)
_IS_OURS: Final = lease.c.holder == sa.bindparam("me")
_TTL: Final = sa.bindparam("ttl", type_=sa.Double)
_TERM: Final = (lease.c.epoch, lease.c.holder, lease.c.since)
_SHARED: Final = func.pg_try_advisory_xact_lock_shared(LOCK, type_=sa.Boolean)
_HOLDS: Final = select(
    # The order of a CASE is kept: first the lock, then the clock.
    sa.case((_SHARED, sa.and_(_IS_IT, _ALIVE)), else_=sa.false()),
    # A head that stands still in the middle of a write holds up nobody for longer than its term.
    func.set_config("idle_in_transaction_session_timeout", sa.bindparam("quiet", type_=sa.String), sa.true()),
)
_HOLDS_ALONE: Final = select(_IS_IT)
_SEE: Final = select(*_TERM, sa.case((_ALIVE, lease.c.expires_at - _CLOCK), else_=0.0).label("left"))
_SEE_ALONE: Final = select(*_TERM)
_ALONE: Final = select(func.pg_advisory_xact_lock(LOCK))
_NEXT: Final = {"epoch": lease.c.epoch + 1, "holder": sa.bindparam("me")}
_TAKE: Final = (
    lease.update()
    .where(_IS_IT, sa.or_(_IS_OURS, lease.c.expires_at.is_(None), sa.not_(_ALIVE)))
    .values(_NEXT | {"since": _CLOCK, "expires_at": _CLOCK + _TTL, "seconds": _TTL})
    .returning(*_TERM)
)
_TAKE_ALONE: Final = (
    lease.update()
    .values(_NEXT | {"since": sa.bindparam("now", type_=sa.Double), "expires_at": None, "seconds": 0.0})
    .returning(*_TERM)
)
_RENEW: Final = lease.update().where(_IS_IT, _IS_OURS).values(expires_at=_CLOCK + _TTL, seconds=_TTL).returning(*_TERM)
_RELEASE: Final = lease.update().where(_IS_IT, _IS_OURS).values(expires_at=_CLOCK)


@dataclass(frozen=True, slots=True)
class Bid:
    """Who wants a term, and for how many seconds at a time."""

    me: str
    ttl: float


def is_shared(connection: AsyncConnection) -> bool:
    """Whether other heads may be on this database."""
    return connection.dialect.name == "postgresql"


async def holds(connection: AsyncConnection, epoch: int, ttl: float) -> bool:
    """Whether ``epoch`` is the term, and will be until this unit of work has ended.

    PostgreSQL undoes a unit that says nothing for ``ttl`` seconds.
    """
    if not is_shared(connection):
        return bool(await connection.scalar(_HOLDS_ALONE, {"epoch_asked": epoch}))
    return bool(await connection.scalar(_HOLDS, {"epoch_asked": epoch, "quiet": str(int(ttl * 1000))}))


async def see(connection: AsyncConnection) -> Seen:
    """The term as it stands."""
    if is_shared(connection):
        row = (await connection.execute(_SEE)).first()
        return Seen() if row is None else Seen(row.epoch, row.holder, row.since, row.left)
    alone = (await connection.execute(_SEE_ALONE)).first()
    return Seen() if alone is None else Seen(alone.epoch, alone.holder, alone.since)


async def take(connection: AsyncConnection, seen: Seen, bid: Bid) -> Seen | None:
    """The new term, ours; None: somebody else was faster. Waits for units of work of the old one."""
    await connection.execute(_ALONE)
    asked = {"epoch_asked": seen.epoch, "me": bid.me, "ttl": bid.ttl}
    row = (await connection.execute(_TAKE, asked)).first()
    return None if row is None else Seen(row.epoch, row.holder, row.since, bid.ttl)


async def take_alone(connection: AsyncConnection, me: str, now: float) -> Seen:
    """A new term of the only head that there is, without an end."""
    row = (await connection.execute(_TAKE_ALONE, {"me": me, "now": now})).one()
    return Seen(row.epoch, row.holder, row.since, FOREVER)


async def renew(connection: AsyncConnection, epoch: int, bid: Bid) -> Seen | None:
    """The term with its whole time again; None: it is not ours any more."""
    row = (await connection.execute(_RENEW, {"epoch_asked": epoch, "me": bid.me, "ttl": bid.ttl})).first()
    return None if row is None else Seen(epoch, bid.me, row.since, bid.ttl)


async def release(connection: AsyncConnection, epoch: int, me: str) -> None:
    """Others need not wait for its end."""
    await connection.execute(_RELEASE, {"epoch_asked": epoch, "me": me})
