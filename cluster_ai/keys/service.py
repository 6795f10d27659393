"""Keys as people manage them. Every public method is one unit of work."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.db import Database
from cluster_ai.core.errors import Conflict, InvalidInput, NotFound
from cluster_ai.keys import tables
from cluster_ai.keys.credentials import NAME_BYTES, SECRET_BYTES, mint
from cluster_ai.keys.records import Key, Span, Written
from cluster_ai.keys.types import (
    KeyChanges,
    KeyExists,
    KeyState,
    KeyView,
    Limits,
    MadeKey,
    NewKey,
    Priority,
    UsageBy,
    UsageRow,
)

MOST_KEYS = 10_000
"""Every gateway holds all of them in memory."""


@dataclass(frozen=True, slots=True)
class Chance:
    """Where time, identifiers and randomness come from; tests bring their own. ``random(n)`` answers n bytes."""

    now: Callable[[], float]
    new_id: Callable[[], str]
    random: Callable[[int], bytes]


class Keys:
    """Makes, shows, changes and ends keys. ``owner_id`` narrows a method to that user's keys; None: everybody's."""

    def __init__(self, database: Database, *, chance: Chance) -> None:
        self._database = database
        self._chance = chance

    async def create(self, wanted: NewKey, *, owner_id: str | None) -> MadeKey:
        """A new key, of ``owner_id`` unless ``wanted`` names somebody; the secret is told this once.

        Raises:
            InvalidInput: nobody has the owner's name, or it would have expired already.
            KeyExists: the owner has an active key of that name.
            Conflict: there are as many keys as gateways hold.
        """
        now, minted = self._chance.now(), mint(self._chance.random(NAME_BYTES + SECRET_BYTES))
        _refuse_past(wanted.expires_at, now)
        async with self._database.transaction() as connection:
            await tables.take_turns(connection)
            if await tables.count_in_force(connection) >= MOST_KEYS:
                raise Conflict(f"there are {MOST_KEYS} keys already", hint="each gateway holds them all in memory")
            owner = await _owner(connection, wanted.owner) if wanted.owner else owner_id
            await _refuse_second(connection, wanted.name, owner_id=owner, now=now)
            key = Key(id=self._chance.new_id(), owner_id=owner, prefix=minted.prefix, created_at=now, **_fields(wanted))
            await tables.add_key(connection, key, digest=minted.digest, stamp=self._stamp())
            stored = await tables.key_by_id(connection, key.id)
        assert stored is not None, "it was stored a moment ago"
        return MadeKey(key=_view(*stored, now=now), secret=minted.secret)

    async def all(self, *, owner_id: str | None = None) -> tuple[KeyView, ...]:
        """Keys, oldest first; those that ended, too."""
        async with self._database.read() as connection:
            found = await tables.keys_page(connection, owner_id=owner_id)
        return tuple(_view(key, owner, now=self._chance.now()) for key, owner in found)

    async def get(self, key_id: str, *, owner_id: str | None = None) -> KeyView:
        """One key.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        async with self._database.read() as connection:
            key, owner = await _find(connection, key_id, owner_id=owner_id)
        return _view(key, owner, now=self._chance.now())

    async def change(self, key_id: str, changes: KeyChanges) -> KeyView:
        """Gives a key other rights or limits; in force within a second.

        Raises:
            NotFound: there is none.
            KeyExists: its owner has another active key of that name.
            Conflict: it was revoked.
            InvalidInput: it would have expired already.
        """
        now = self._chance.now()
        values = {name: value for name, value in _fields(changes).items() if name in changes.model_fields_set}
        _refuse_past(values.get("expires_at"), now)
        async with self._database.transaction() as connection:
            await tables.take_turns(connection)
            key, owner = await _find(connection, key_id, owner_id=None)
            if key.revoked_at is not None:
                raise Conflict("the key was revoked", hint="make a new one")
            has_expired = key.expires_at is not None and key.expires_at <= now
            if has_expired or values.get("name", key.name) != key.name:
                await _refuse_second(connection, values.get("name", key.name), owner_id=key.owner_id, now=now)
            key = replace(key, **values)
            await tables.change_key(connection, key, stamp=self._stamp())
        return _view(key, owner, now=now)

    async def revoke(self, key_id: str, *, owner_id: str | None = None) -> KeyView:
        """Ends a key for good; every gateway knows within a second. One that was ended stays as it is.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        now = self._chance.now()
        async with self._database.transaction() as connection:
            key, owner = await _find(connection, key_id, owner_id=owner_id)
            if key.revoked_at is None:
                key = replace(key, revoked_at=now)
                await tables.change_key(connection, key, stamp=self._stamp())
        return _view(key, owner, now=now)

    async def usage(self, by: UsageBy, *, span: Span) -> tuple[UsageRow, ...]:
        """What was used in ``span``, grouped."""
        async with self._database.read() as connection:
            return await tables.usage_by(connection, by, span=span)

    async def written(self, *, span: Span) -> tuple[Written, ...]:
        """Tokens of answers in ``span``, by node and day."""
        async with self._database.read() as connection:
            return await tables.written(connection, span=span)

    async def last_days(self) -> dict[tuple[str, str], str]:
        """The last day of a call, by node and model as callers named it."""
        async with self._database.read() as connection:
            return await tables.last_days(connection)

    def _stamp(self) -> int:
        # 40 bits: the sum over every key fits 64.
        return int.from_bytes(self._chance.random(5))


async def _find(connection: AsyncConnection, key_id: str, *, owner_id: str | None) -> tuple[Key, str]:
    found = await tables.key_by_id(connection, key_id)
    # Somebody else's key is told from one that never was by nobody.
    if found is None or (owner_id is not None and found[0].owner_id != owner_id):
        raise NotFound("there is no such key", hint="cluster-ai key list")
    return found


async def _owner(connection: AsyncConnection, name: str) -> str:
    found = await tables.user_id_of(connection, name.casefold())
    if found is None:
        raise InvalidInput(f"nobody is called {name}", path="owner")
    return found


async def _refuse_second(connection: AsyncConnection, name: str, *, owner_id: str | None, now: float) -> None:
    if await tables.is_name_taken(connection, name, owner_id=owner_id, now=now):
        hint = "revoke it (cluster-ai key revoke), or choose another name"
        raise KeyExists(f"an active key is called {name} already", hint=hint, values={"name": name})


def _fields(wanted: NewKey | KeyChanges) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "scopes": tuple(sorted(set(wanted.scopes))),
        "models": tuple(dict.fromkeys(wanted.models)),
        "limits": Limits(**wanted.limits.model_dump()),
        "priority": Priority[wanted.priority.upper()],
        "resume": wanted.resume,
        "hedge": wanted.hedge,
        "expires_at": wanted.expires_at,
    }


def _refuse_past(expires_at: float | None, now: float) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("a key cannot expire before it is used", path="expires_at")


def _view(key: Key, owner: str, *, now: float) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        owner=owner,
        state=_state(key, now),
        scopes=key.scopes,
        models=key.models,
        limits=key.limits,
        priority=key.priority.name.lower(),
        resume=key.resume,
        hedge=key.hedge,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )


def _state(key: Key, now: float) -> KeyState:
    if key.revoked_at is not None:
        return KeyState.REVOKED
    return KeyState.EXPIRED if key.expires_at is not None and key.expires_at <= now else KeyState.ACTIVE
