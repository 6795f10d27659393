"""What a gateway knows of keys, and what it writes of their use.

A gateway that starts serves at once: SQL is half of what it imports, so the store is opened beside the first calls,
and only those wait for it that show a key.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

import structlog

from cluster_ai.core.db_errors import DatabaseUnavailable
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.loops import every, heed_cancellation
from cluster_ai.keys.credentials import Entry, Known
from cluster_ai.keys.records import Key, Used
from cluster_ai.keys.types import Caller

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.5
"""A revoked key is refused within a second everywhere: this, and the time of one small query."""

PATIENCE_SECONDS: Final = 1.0
"""The longest that a look is waited for by who shows a key that nobody has."""
AGAIN_SECONDS: Final = 1.0
"""A store that cannot be opened is tried again after so long."""


class Store(Protocol):
    """Where keys lie; every method may raise ``DatabaseUnavailable``."""

    async def changed(self) -> tuple[tuple[str, Key], ...] | None: ...

    async def add_usage(self, rows: Iterable[Used], *, last_used: Mapping[str, float]) -> None: ...


Open = Callable[[], AbstractAsyncContextManager[Store]]
"""To be called in a thread; may raise ``Unavailable`` or ``Misconfigured``, then or on entering."""


class KeySource:
    """The keys in force, as last read. While the database is away they stand as they are."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._away = False
        self._by_id: dict[str, Entry] = {}
        self._looked = asyncio.Event()
        # Until somebody watches there is nothing to wait for.
        self._looked.set()
        self._looking = False
        self._next_look = asyncio.Event()
        self.known = Known()

    def entry(self, key_id: str) -> Entry | None:
        """The key in force of that id."""
        return self._by_id.get(key_id)

    async def first_look(self) -> bool:
        """Returns when the database has been asked once; whether that had to be waited for."""
        if self._looked.is_set():
            return False
        await self._looked.wait()
        return True

    async def look_after_now(self) -> bool:
        """Returns when the database has been asked by a look that began after this call; whether it has.

        Who has just been given a key may be quicker than the next look.
        """
        try:
            async with asyncio.timeout(LOOK_SECONDS + PATIENCE_SECONDS):
                for _ in range(2 if self._looking else 1):
                    if self._store is None:
                        return False
                    await self._next_look.wait()
        except TimeoutError:
            return False
        return True

    async def look(self) -> None:
        """Reads the keys if any of them changed."""
        if self._store is None:
            return
        self._looking = True
        try:
            if (found := await self._store.changed()) is not None:
                self._keep(found)
            self._away = False
        except DatabaseUnavailable as exc:
            self._lose(exc)
        finally:
            self._looking = False
            self._looked.set()
            self._next_look.set()
            self._next_look = asyncio.Event()

    async def add_usage(self, rows: Iterable[Used], *, last_used: Mapping[str, float]) -> None:
        """Adds to what is stored, in one unit of work.

        Raises:
            DatabaseUnavailable: nothing was added.
        """
        await self.first_look()
        if self._store is None or not self.known.read:
            # Before the tables are there, a writer could get in the way of those who make them.
            raise DatabaseUnavailable("the database has not been read yet")
        await self._store.add_usage(rows, last_used=last_used)

    @asynccontextmanager
    async def watching(self, open_store: Open) -> AsyncIterator[None]:
        """Opens the store and looks, again and again, inside the block."""
        self._looked.clear()
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(self._watch(open_store), name="keys")
            try:
                yield
            finally:
                looking.cancel()

    async def _watch(self, open_store: Open) -> None:
        while True:
            try:
                async with await asyncio.to_thread(open_store) as self._store:
                    await every(LOOK_SECONDS, self.look, name="keys")
            except ClusterError as exc:
                # Models can be used without a database; the API is who ends over an address that is none.
                self._lose(exc)
            except Exception:  # the keys that are known stand, and the next try may go well
                log.exception("the store of keys stumbled")
            finally:
                self._store = None
                self._looked.set()
            heed_cancellation()
            await asyncio.sleep(AGAIN_SECONDS)

    def _keep(self, found: Iterable[tuple[str, Key]]) -> None:
        entries = {digest: _entry(key) for digest, key in found}
        self._by_id = {entry.caller.key_id: entry for entry in entries.values()}
        self.known = Known(entries, read=True)

    def _lose(self, reason: ClusterError) -> None:
        if not self._away:
            self._away = True
            log.warning("keys cannot be read; those known stand", known=len(self._by_id), reason=reason.message)


def _entry(key: Key) -> Entry:
    caller = Caller(
        key_id=key.id,
        name=key.name,
        scopes=frozenset(key.scopes),
        models=key.models,
        priority=key.priority,
        resume=key.resume,
        hedge=key.hedge,
    )
    return Entry(caller, key.limits, key.expires_at)
