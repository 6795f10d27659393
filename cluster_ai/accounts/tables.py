"""SQL of the accounts room; nowhere else. Every function takes the connection of a unit of work."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.accounts.types import AuditEntry, User

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("password_hash", sa.String(256), nullable=False),
    sa.Column("password_chosen", sa.Boolean, nullable=False),
    # Grows with each new password; a token of an earlier generation is worth nothing any more.
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("created_at", _SECONDS, nullable=False),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", _SECONDS, nullable=False),
    sa.Column("seen_at", _SECONDS, nullable=False),
    sa.Index("sessions_by_user", "user_id"),
)
revoked_tokens = sa.Table(
    "revoked_tokens",
    metadata,
    sa.Column("jti", sa.String(36), primary_key=True),
    sa.Column("expires_at", _SECONDS, nullable=False),
)
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", _SECONDS, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(256), nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
_USER = (users.c.id, users.c.name, users.c.role, users.c.password_chosen)
_AUDIT_LOCK = 6_402_373_706


def _user(row: Any) -> User:
    return User(id=row.id, name=row.name, role=row.role, password_chosen=row.password_chosen)


# -- users


async def any_user(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(users.c.id).limit(1))).first() is not None


async def add_user(connection: AsyncConnection, user: User, *, password_hash: str, now: float) -> None:
    values = user.model_dump(mode="json") | {"password_hash": password_hash, "generation": 1, "created_at": now}
    await connection.execute(users.insert().values(values))


async def user_by_name(connection: AsyncConnection, name: str) -> tuple[User, str] | None:
    """The user and their password's hash."""
    row = (await connection.execute(select(*_USER, users.c.password_hash).where(users.c.name == name))).first()
    return None if row is None else (_user(row), row.password_hash)


async def user_by_id(connection: AsyncConnection, user_id: str) -> tuple[User, int] | None:
    """The user and the generation that their tokens must be of."""
    row = (await connection.execute(select(*_USER, users.c.generation).where(users.c.id == user_id))).first()
    return None if row is None else (_user(row), row.generation)


async def set_password(connection: AsyncConnection, user_id: str, *, password_hash: str, chosen: bool) -> None:
    """Stores the hash and ends every token of that user."""
    values = {
        "password_hash": password_hash,
        "password_chosen": chosen,
        "generation": users.c.generation + 1,
    }
    await connection.execute(users.update().where(users.c.id == user_id).values(values))


async def rehash(connection: AsyncConnection, user_id: str, *, old: str, new: str) -> None:
    """Swaps the hash of an unchanged password, unless somebody changed it meanwhile."""
    same = (users.c.id == user_id) & (users.c.password_hash == old)
    await connection.execute(users.update().where(same).values(password_hash=new))


# -- sessions


async def add_session(connection: AsyncConnection, digest: str, *, user_id: str, now: float) -> None:
    values = {"digest": digest, "user_id": user_id, "created_at": now, "seen_at": now}
    await connection.execute(sessions.insert().values(values))


async def session_user(
    connection: AsyncConnection, digest: str, *, made_after: float, seen_after: float
) -> tuple[User, float] | None:
    """Who is signed in by that session, and when it was last seen; None when it ended."""
    alive = (sessions.c.created_at > made_after) & (sessions.c.seen_at > seen_after)
    query = select(*_USER, sessions.c.seen_at).join(sessions).where((sessions.c.digest == digest) & alive)
    row = (await connection.execute(query)).first()
    return None if row is None else (_user(row), row.seen_at)


async def touch_session(connection: AsyncConnection, digest: str, *, now: float) -> None:
    await connection.execute(sessions.update().where(sessions.c.digest == digest).values(seen_at=now))


async def end_session(connection: AsyncConnection, digest: str) -> None:
    await connection.execute(sessions.delete().where(sessions.c.digest == digest))


async def end_sessions(connection: AsyncConnection, user_id: str, *, but: str) -> None:
    """Ends every session of a user except the one with that digest."""
    others = (sessions.c.user_id == user_id) & (sessions.c.digest != but)
    await connection.execute(sessions.delete().where(others))


async def forget_ended(connection: AsyncConnection, *, made_before: float, now: float) -> None:
    """Removes sessions and revocations that mean nothing any more."""
    await connection.execute(sessions.delete().where(sessions.c.created_at <= made_before))
    await connection.execute(revoked_tokens.delete().where(revoked_tokens.c.expires_at <= now))


# -- tokens


async def revoke(connection: AsyncConnection, jti: str, *, expires_at: float) -> None:
    if not await is_revoked(connection, jti):
        await connection.execute(revoked_tokens.insert().values(jti=jti, expires_at=expires_at))


async def is_revoked(connection: AsyncConnection, jti: str) -> bool:
    query = select(revoked_tokens.c.jti).where(revoked_tokens.c.jti == jti)
    return (await connection.execute(query)).first() is not None


# -- audit


async def last_audit(connection: AsyncConnection) -> tuple[int, str]:
    """Number and hash of the newest entry, held still until the unit of work ends; (0, "") when there is none."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(_AUDIT_LOCK)))
    query = select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return (0, "") if row is None else (row.number, row.hash)


async def add_audit(connection: AsyncConnection, entry: AuditEntry) -> None:
    await connection.execute(audit.insert().values(entry.model_dump()))


async def audit_page(connection: AsyncConnection, *, before: int, limit: int) -> tuple[AuditEntry, ...]:
    """The newest entries with a number below ``before``, newest first."""
    query = select(audit).where(audit.c.number < before).order_by(audit.c.number.desc()).limit(limit)
    return tuple(AuditEntry.model_validate(dict(row)) for row in (await connection.execute(query)).mappings())


async def audit_after(connection: AsyncConnection, number: int, *, limit: int) -> tuple[AuditEntry, ...]:
    """Entries that follow ``number``, oldest first."""
    query = select(audit).where(audit.c.number > number).order_by(audit.c.number).limit(limit)
    return tuple(AuditEntry.model_validate(dict(row)) for row in (await connection.execute(query)).mappings())
