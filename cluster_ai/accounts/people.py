"""Who may sign in, as administrators decide it. Every public method is one unit of work, its audit entry in it."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.accounts import tables
from cluster_ai.accounts.audit import Audit, Deed
from cluster_ai.accounts.passwords import Passwords, require_strength
from cluster_ai.accounts.proving import Times
from cluster_ai.accounts.types import (
    Doer,
    GivenPassword,
    LastAdmin,
    MadeUser,
    NewUser,
    OwnAccount,
    Person,
    User,
    UserChanges,
    UserExists,
)
from cluster_ai.core.db import Database
from cluster_ai.core.errors import ClusterError, NotFound
from cluster_ai.core.principals import Role

ORDER = (Role.VIEWER, Role.USER, Role.OPERATOR, Role.ADMIN)
RESERVED = frozenset({"local"})
"""What the audit log calls whoever acts with the internal token."""


def check_kept(person: Person, *, after: Person | None, doer: Doer, admins: int) -> None:
    """Refuses what would lock people out. ``after``: as they shall be, None: deleted; ``admins``: enabled ones now.

    Raises:
        OwnAccount: people do it to themselves.
        LastAdmin: nobody would be left who may do everything.
    """
    smaller = after is None or after.disabled or ORDER.index(after.role) < ORDER.index(person.role)
    if smaller and person.id == doer.id:
        raise OwnAccount("nobody deletes, disables or demotes themself", hint="ask another administrator")
    was, stays = _is_admin(person), after is not None and _is_admin(after)
    if was and not stays and admins <= 1:
        raise LastAdmin(
            f"{person.name} is the last enabled administrator",
            hint="make somebody else an administrator first",
            values={"name": person.name},
        )


def _is_admin(person: Person) -> bool:
    return person.role is Role.ADMIN and not person.disabled


class People:
    """Adds, shows, changes and removes users."""

    def __init__(self, database: Database, *, audit: Audit, times: Times, passwords: Passwords) -> None:
        self._database = database
        self._audit = audit
        self._times = times
        self._passwords = passwords

    async def all(self) -> tuple[Person, ...]:
        """Everybody, by name."""
        async with self._database.read() as connection:
            return await tables.people(connection)

    async def get(self, name: str) -> Person:
        """One of them.

        Raises:
            NotFound: nobody has that name.
        """
        async with self._database.read() as connection:
            return await _find(connection, name)

    async def create(self, wanted: NewUser, *, doer: Doer) -> MadeUser:
        """Somebody new.

        Raises:
            UserExists: the name is taken, in whatever case.
            WeakPassword: the given one is none.
        """
        name = wanted.name.casefold()
        made_up, hashed = await self._password(wanted.password, name=name)
        user = User(id=self._times.new_id(), name=name, role=wanted.role, password_chosen=False)
        async with self._deed("create_user", f"{name} as {wanted.role}", doer=doer) as connection:
            if name in RESERVED or await tables.person(connection, name) is not None:
                raise UserExists(f"there is a user called {name} already", values={"name": name})
            await tables.add_user(connection, user, password_hash=hashed, now=self._times.now())
            return MadeUser(user=await _find(connection, name), password=made_up)

    async def change(self, name: str, changes: UserChanges, *, doer: Doer) -> Person:
        """Gives another role, disables or enables. Counts for the very next request of sessions and tokens.

        Who is disabled loses sessions and tokens; their API keys rest until they are enabled again.

        Raises:
            NotFound: nobody has that name.
            OwnAccount, LastAdmin: as ``check_kept``.
        """
        said = changes.model_dump(exclude_none=True)
        what = ", ".join(f"{key}={value}" for key, value in said.items())
        async with self._deed("change_user", f"{name.casefold()}: {what}", doer=doer) as connection:
            person = await _find(connection, name)
            after = person.model_copy(update=said)
            await _check(connection, person, after=after, doer=doer)
            await tables.change_user(connection, person.id, role=after.role, disabled=after.disabled)
            if after.disabled:
                await _end_all(connection, person)
            return after

    async def set_password(self, name: str, password: str, *, doer: Doer) -> GivenPassword:
        """Gives somebody a password, made up when ``password`` is empty; their sessions and tokens end.

        Raises:
            NotFound: nobody has that name.
            OwnAccount: one's own is changed with the current one.
            WeakPassword: the given one is none.
        """
        person = await self.get(name)
        if person.id == doer.id:
            raise OwnAccount(
                "your own password is changed with the current one",
                hint="cluster-ai auth set-password, or the dashboard",
                values={"about": "password"},
            )
        made_up, hashed = await self._password(password, name=person.name)
        async with self._deed("set_password", person.name, doer=doer) as connection:
            person = await _find(connection, name)
            await tables.set_password(connection, person.id, password_hash=hashed, chosen=False)
            await tables.end_sessions(connection, person.id, but="")
        return GivenPassword(password=made_up)

    async def reset_second_factor(self, name: str, *, doer: Doer) -> None:
        """Takes somebody's second factor away, who lost it; their sessions and tokens end.

        Raises:
            NotFound: nobody has that name.
            OwnAccount: one's own is turned off with password and code.
        """
        async with self._deed("reset_second_factor", name.casefold(), doer=doer) as connection:
            person = await _find(connection, name)
            if person.id == doer.id:
                raise OwnAccount(
                    "your own second factor is turned off with your password and a code",
                    hint="in the dashboard, or with the command line on the head",
                    values={"about": "second_factor"},
                )
            await tables.drop_factor(connection, person.id)
            await _end_all(connection, person)

    async def delete(self, name: str, *, doer: Doer) -> None:
        """Forgets somebody with their sessions, tokens and API keys. What they started goes on under their name.

        Raises:
            NotFound: nobody has that name.
            OwnAccount, LastAdmin: as ``check_kept``.
        """
        async with self._deed("delete_user", name.casefold(), doer=doer) as connection:
            person = await _find(connection, name)
            await _check(connection, person, after=None, doer=doer)
            await tables.end_sessions(connection, person.id, but="")
            await tables.delete_user(connection, person.id)

    async def _password(self, given: str, *, name: str) -> tuple[str, str]:
        """What was made up, if anything was, and the hash."""
        if given:
            await require_strength(given, name=name)
        made_up = "" if given else secrets.token_urlsafe(15)
        return made_up, await self._passwords.hash(given or made_up)

    @asynccontextmanager
    async def _deed(self, action: str, subject: str, *, doer: Doer) -> AsyncIterator[AsyncConnection]:
        deed = Deed(actor=doer.name, action=action, subject=subject, address=doer.address)
        try:
            async with self._database.transaction() as connection:
                # Held from the start: two administrators who demote each other take turns, and so do two equal names.
                await tables.last_audit(connection)
                yield connection
                await self._audit.add(connection, deed)
        except ClusterError as exc:
            await self._audit.record(deed.model_copy(update={"outcome": exc.code[:32]}))
            raise


async def _find(connection: AsyncConnection, name: str) -> Person:
    found = await tables.person(connection, name.casefold())
    if found is None:
        raise NotFound("there is no such user", hint="cluster-ai auth user ls", values={"about": "user"})
    return found


async def _check(connection: AsyncConnection, person: Person, *, after: Person | None, doer: Doer) -> None:
    admins = len(await tables.enabled_with(connection, Role.ADMIN))
    check_kept(person, after=after, doer=doer, admins=admins)


async def _end_all(connection: AsyncConnection, person: Person) -> None:
    await tables.end_sessions(connection, person.id, but="")
    await tables.end_tokens(connection, person.id)
