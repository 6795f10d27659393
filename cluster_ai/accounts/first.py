"""The first user: ``admin``, with a password that was given, or one made up and handed over once."""

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path

from cluster_ai.accounts import tables
from cluster_ai.accounts.passwords import Passwords, check_strength
from cluster_ai.accounts.service import Times
from cluster_ai.accounts.types import User
from cluster_ai.core.db import Database, DatabaseUnavailable, open_database
from cluster_ai.core.errors import ClusterError, Misconfigured
from cluster_ai.core.paths import make_secret, read_secret
from cluster_ai.core.principals import Role

ADMIN = "admin"
VARIABLE = "CLUSTER_AI_ADMIN_PASSWORD_FILE"


async def ensure_admin(
    database: Database, *, folder: Path, env: Mapping[str, str], times: Times, passwords: Passwords
) -> User:
    """The admin, made when there is none; another administrator where ``admin`` was deleted.

    ``folder`` is where secrets lie.

    A password in ``admin-password`` (or the file that the variable names) is used as long as nobody chose one; without
    such a file the made-up password is left in ``first-password``, which whoever shows it to the owner deletes.

    Raises:
        Misconfigured: the named file cannot be read, or holds no password.
    """
    given = await asyncio.to_thread(_given, folder, env)
    async with database.read() as connection:
        found = await tables.user_by_name(connection, ADMIN)
        others = await tables.enabled_with(connection, Role.ADMIN)
    if found is None and others:
        # Whoever deleted ``admin`` did not want them back with a password that nobody chose.
        return others[0]
    if found is None:
        return await _make(
            database, given or _made_up(folder), chosen=given is not None, times=times, passwords=passwords
        )
    if given is None or found[0].password_chosen:
        return found[0]
    hashed = await passwords.hash(given)
    async with database.transaction() as connection:
        await tables.set_password(connection, found[0].id, password_hash=hashed, chosen=True)
    (folder / "first-password").unlink(missing_ok=True)
    return found[0].model_copy(update={"password_chosen": True})


async def _make(database: Database, password: str, *, chosen: bool, times: Times, passwords: Passwords) -> User:
    user = User(id=times.new_id(), name=ADMIN, role=Role.ADMIN, password_chosen=chosen)
    hashed = await passwords.hash(password)
    async with database.transaction() as connection:
        await tables.add_user(connection, user, password_hash=hashed, now=times.now())
    return user


def _made_up(folder: Path) -> str:
    # Written before the user is stored: a kill in between leaves a file that the next start uses again.
    return make_secret(folder / "first-password", secrets.token_urlsafe(15))


def _given(folder: Path, env: Mapping[str, str]) -> str | None:
    named = env.get(VARIABLE)
    path = Path(named) if named else folder / "admin-password"
    if not named and not path.exists():
        return None
    try:
        password = read_secret(path)
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"{path} cannot be read", hint=f"mend the file or unset {VARIABLE}") from exc
    check_strength(password, name=ADMIN)
    return password


async def is_password_chosen(url: str) -> bool:
    """Whether the admin has a password of their own; False as long as the database is not there."""
    try:
        async with open_database(url, on_fatal=_nothing_written) as database, database.read() as connection:
            found = await tables.user_by_name(connection, ADMIN)
            others = await tables.enabled_with(connection, Role.ADMIN)
    except DatabaseUnavailable:
        return False
    first = others[0] if found is None and others else None if found is None else found[0]
    return first is not None and first.password_chosen


async def has_password(url: str, *, folder: Path, env: Mapping[str, str]) -> bool:
    """Whether a start would find a password of somebody's own: chosen before, or given as ``ensure_admin`` takes it.

    Raises:
        Misconfigured: as there.
    """
    return await asyncio.to_thread(_given, folder, env) is not None or await is_password_chosen(url)


def _nothing_written(error: ClusterError) -> None:
    raise error
