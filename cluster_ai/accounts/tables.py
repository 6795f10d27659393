"""SQL of the accounts room; nowhere else. Every function takes the connection of a unit of work."""

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.accounts.types import AuditEntry, AuditFilter, Person, Start, User
from cluster_ai.core.principals import Role

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
    sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("seen_at", _SECONDS, nullable=True),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", _SECONDS, nullable=False),
    sa.Column("seen_at", _SECONDS, nullable=False),
    sa.Column("address", sa.String(64), nullable=False, server_default=""),
    sa.Column("agent", sa.String(200), nullable=False, server_default=""),
    sa.Index("sessions_by_user", "user_id"),
)
second_factors = sa.Table(
    "second_factors",
    metadata,
    sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("sealed", sa.String(256), nullable=False),
    # Until a code was shown once nothing is asked for: a picture that nobody read locks nobody out.
    sa.Column("confirmed", sa.Boolean, nullable=False),
    # The time step of the last code that was taken: neither it nor an earlier one is taken again.
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("begun_at", _SECONDS, nullable=False),
)
recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
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
_HAS_FACTOR = (
    sa.exists()
    .where(second_factors.c.user_id == users.c.id, second_factors.c.confirmed)
    .correlate(users)
    .label("second_factor")
)
_PERSON = (*_USER, users.c.disabled, users.c.created_at, users.c.seen_at, _HAS_FACTOR)
_AUDIT_LOCK = 6_402_373_706


def _user(row: Any) -> User:
    return User(id=row.id, name=row.name, role=row.role, password_chosen=row.password_chosen)


def _person(row: Any) -> Person:
    more = {name: getattr(row, name) for name in ("disabled", "created_at", "seen_at", "second_factor")}
    return Person(**_user(row).model_dump(), **more)


# -- users


async def any_user(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(users.c.id).limit(1))).first() is not None


async def add_user(connection: AsyncConnection, user: User, *, password_hash: str, now: float) -> None:
    values = user.model_dump(mode="json") | {"password_hash": password_hash, "generation": 1, "created_at": now}
    await connection.execute(users.insert().values(values))


async def user_by_name(connection: AsyncConnection, name: str, *, enabled: bool = False) -> tuple[User, str] | None:
    """The user and their password's hash. ``enabled``: as if there were none, of one that is disabled."""
    query = select(*_USER, users.c.password_hash).where(users.c.name == name)
    if enabled:
        query = query.where(users.c.disabled.is_(sa.false()))
    row = (await connection.execute(query)).first()
    return None if row is None else (_user(row), row.password_hash)


async def user_by_id(connection: AsyncConnection, user_id: str) -> tuple[User, int] | None:
    """The user, unless disabled, and the generation that their tokens must be of."""
    query = select(*_USER, users.c.generation).where(users.c.id == user_id, users.c.disabled.is_(sa.false()))
    row = (await connection.execute(query)).first()
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


async def people(connection: AsyncConnection) -> tuple[Person, ...]:
    """Everybody, by name."""
    return tuple(_person(row) for row in await connection.execute(select(*_PERSON).order_by(users.c.name)))


async def person(connection: AsyncConnection, name: str) -> Person | None:
    """Whoever has that name, held still until the unit of work ends."""
    row = (await connection.execute(select(*_PERSON).where(users.c.name == name).with_for_update())).first()
    return None if row is None else _person(row)


async def enabled_with(connection: AsyncConnection, role: Role) -> tuple[User, ...]:
    """Who may sign in with that role, the earliest first."""
    query = select(*_USER).where(users.c.role == role.value, users.c.disabled.is_(sa.false()))
    return tuple(_user(row) for row in await connection.execute(query.order_by(users.c.created_at, users.c.id)))


async def change_user(connection: AsyncConnection, user_id: str, *, role: Role, disabled: bool) -> None:
    await connection.execute(
        users.update().where(users.c.id == user_id).values(role=role.value, disabled=disabled)
    )  # fmt: skip


async def end_tokens(connection: AsyncConnection, user_id: str) -> None:
    """Every token of that user is worth nothing from now on."""
    await connection.execute(users.update().where(users.c.id == user_id).values(generation=users.c.generation + 1))


async def delete_user(connection: AsyncConnection, user_id: str) -> None:
    """With their sessions and their API keys, which hang on them."""
    await connection.execute(users.delete().where(users.c.id == user_id))


async def drop_factor(connection: AsyncConnection, user_id: str) -> None:
    """Forgets the secret of a second factor, and every recovery code."""
    for table in (recovery_codes, second_factors):
        await connection.execute(table.delete().where(table.c.user_id == user_id))


# -- sessions


async def add_session(connection: AsyncConnection, digest: str, *, start: Start, now: float) -> None:
    values = {"digest": digest, "created_at": now, "seen_at": now, **asdict(start)}
    await connection.execute(sessions.insert().values(values))
    await see_user(connection, start.user_id, now=now)


async def see_user(connection: AsyncConnection, user_id: str, *, now: float) -> None:
    await connection.execute(users.update().where(users.c.id == user_id).values(seen_at=now))


async def session_user(
    connection: AsyncConnection, digest: str, *, made_after: float, seen_after: float
) -> tuple[User, float] | None:
    """Who is signed in by that session, and when it was last seen; None when it ended or they are disabled."""
    alive = (sessions.c.created_at > made_after) & (sessions.c.seen_at > seen_after)
    alive &= users.c.disabled.is_(sa.false())
    query = select(*_USER, sessions.c.seen_at).join(sessions).where((sessions.c.digest == digest) & alive)
    row = (await connection.execute(query)).first()
    return None if row is None else (_user(row), row.seen_at)


async def touch_session(connection: AsyncConnection, digest: str, *, user_id: str, now: float) -> None:
    await connection.execute(sessions.update().where(sessions.c.digest == digest).values(seen_at=now))
    await see_user(connection, user_id, now=now)


async def end_session(connection: AsyncConnection, digest: str) -> None:
    await connection.execute(sessions.delete().where(sessions.c.digest == digest))


async def sessions_of(
    connection: AsyncConnection, user_id: str, *, made_after: float, seen_after: float
) -> tuple[sa.RowMapping, ...]:
    """Those that have not ended, the last seen first."""
    alive = (sessions.c.created_at > made_after) & (sessions.c.seen_at > seen_after)
    query = select(sessions).where((sessions.c.user_id == user_id) & alive).order_by(sessions.c.seen_at.desc())
    return tuple((await connection.execute(query)).mappings())


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


async def audit_page(
    connection: AsyncConnection, wanted: AuditFilter, *, before: int, limit: int
) -> tuple[AuditEntry, ...]:
    """The newest entries with a number below ``before``, newest first."""
    query = select(audit).where(audit.c.number < before, *_wanted(wanted)).order_by(audit.c.number.desc()).limit(limit)
    return tuple(AuditEntry.model_validate(dict(row)) for row in (await connection.execute(query)).mappings())


def _wanted(wanted: AuditFilter) -> list[sa.ColumnElement[bool]]:
    met: list[sa.ColumnElement[bool]] = []
    if wanted.actor:
        met.append(audit.c.actor == wanted.actor)
    if wanted.action:
        met.append(audit.c.action == wanted.action)
    if wanted.subject:
        met.append(audit.c.subject.icontains(wanted.subject, autoescape=True))
    if wanted.since is not None:
        met.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        met.append(audit.c.at < wanted.until)
    return met


async def audit_after(connection: AsyncConnection, number: int, *, limit: int) -> tuple[AuditEntry, ...]:
    """Entries that follow ``number``, oldest first."""
    query = select(audit).where(audit.c.number > number).order_by(audit.c.number).limit(limit)
    return tuple(AuditEntry.model_validate(dict(row)) for row in (await connection.execute(query)).mappings())
