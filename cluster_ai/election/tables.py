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
from sqlalchemy import text
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
QUIET_MILLISECONDS: Final = 15_000
"""PostgreSQL ends a leader's unit of work that says nothing for so long: a head that stands still holds up nobody."""
_CLOCK: Final = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)"
_ROW: Final = "name = 'cluster'"
_ALIVE: Final = f"expires_at > {_CLOCK} AND expires_at <= {_CLOCK} + seconds"
_HOLDS: Final = text(
    f"SELECT CASE WHEN pg_try_advisory_xact_lock_shared({LOCK}) THEN epoch = :epoch AND {_ALIVE} ELSE false END,"
    f" set_config('idle_in_transaction_session_timeout', '{QUIET_MILLISECONDS}', true)"
    f" FROM leader_lease WHERE {_ROW}"
)
_HOLDS_ALONE: Final = text(f"SELECT epoch = :epoch FROM leader_lease WHERE {_ROW}")
_SEE: Final = text(
    f"SELECT epoch, holder, since, CASE WHEN {_ALIVE} THEN expires_at - {_CLOCK} ELSE 0 END AS left_over"
    f" FROM leader_lease WHERE {_ROW}"
)
_SEE_ALONE: Final = text(f"SELECT epoch, holder, since FROM leader_lease WHERE {_ROW}")
_ALONE: Final = text(f"SELECT pg_advisory_xact_lock({LOCK})")
_TAKE: Final = text(
    f"UPDATE leader_lease SET epoch = epoch + 1, holder = :me, since = {_CLOCK}, expires_at = {_CLOCK} + :ttl,"
    f" seconds = :ttl WHERE {_ROW} AND epoch = :epoch AND (holder = :me OR expires_at IS NULL OR NOT ({_ALIVE}))"
    " RETURNING epoch, holder, since"
)
_TAKE_ALONE: Final = text(
    "UPDATE leader_lease SET epoch = epoch + 1, holder = :me, since = :now, expires_at = NULL, seconds = 0"
    f" WHERE {_ROW} RETURNING epoch, holder, since"
)
_RENEW: Final = text(
    f"UPDATE leader_lease SET expires_at = {_CLOCK} + :ttl, seconds = :ttl"
    f" WHERE {_ROW} AND epoch = :epoch AND holder = :me RETURNING since"
)
_RELEASE: Final = text(f"UPDATE leader_lease SET expires_at = {_CLOCK} WHERE {_ROW} AND epoch = :epoch AND holder = :me")


@dataclass(frozen=True, slots=True)
class Bid:
    """Who wants a term, and for how many seconds at a time."""

    me: str
    ttl: float


def is_shared(connection: AsyncConnection) -> bool:
    """Whether other heads may be on this database."""
    return connection.dialect.name == "postgresql"


async def holds(connection: AsyncConnection, epoch: int) -> bool:
    """Whether ``epoch`` is the term, and will be until this unit of work has ended."""
    asked = _HOLDS if is_shared(connection) else _HOLDS_ALONE
    return bool(await connection.scalar(asked, {"epoch": epoch}))


async def see(connection: AsyncConnection) -> Seen:
    """The term as it stands."""
    if is_shared(connection):
        row = (await connection.execute(_SEE)).first()
        return Seen() if row is None else Seen(row.epoch, row.holder, row.since, row.left_over)
    row = (await connection.execute(_SEE_ALONE)).first()
    return Seen() if row is None else Seen(row.epoch, row.holder, row.since)


async def take(connection: AsyncConnection, seen: Seen, bid: Bid) -> Seen | None:
    """The new term, ours; None: somebody else was faster. Waits for units of work of the old one."""
    await connection.execute(_ALONE)
    asked = {"epoch": seen.epoch, "me": bid.me, "ttl": bid.ttl}
    row = (await connection.execute(_TAKE, asked)).first()
    return None if row is None else Seen(row.epoch, row.holder, row.since, bid.ttl)


async def take_alone(connection: AsyncConnection, me: str, now: float) -> Seen:
    """A new term of the only head that there is, without an end."""
    row = (await connection.execute(_TAKE_ALONE, {"me": me, "now": now})).one()
    return Seen(row.epoch, row.holder, row.since, FOREVER)


async def renew(connection: AsyncConnection, epoch: int, bid: Bid) -> Seen | None:
    """The term with its whole time again; None: it is not ours any more."""
    row = (await connection.execute(_RENEW, {"epoch": epoch, "me": bid.me, "ttl": bid.ttl})).first()
    return None if row is None else Seen(epoch, bid.me, row.since, bid.ttl)


async def release(connection: AsyncConnection, epoch: int, me: str) -> None:
    """Others need not wait for its end."""
    await connection.execute(_RELEASE, {"epoch": epoch, "me": me})
