"""The audit log: a chain of hashes, so that a changed, removed, moved or inserted row is noticed."""

import hashlib
from collections.abc import Callable, Iterable

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.accounts import tables
from cluster_ai.accounts.types import AuditBroken, AuditEntry
from cluster_ai.core.db import Database, DatabaseUnavailable
from cluster_ai.core.wire import INT64_MAX, View, dump_json

log = structlog.get_logger(__name__)
PAGE = 500


class Deed(View):
    """What is to be recorded: who did what to what, from where, and how it ended."""

    actor: str
    action: str
    subject: str = ""
    outcome: str = "done"
    address: str = ""


def chained(deed: Deed, *, number: int, previous: str, now: float) -> AuditEntry:
    """``deed`` as the entry of that number, sealed to the one before."""
    values = deed.model_dump() | {"number": number, "at": now, "previous": previous}
    for name, longest in (("actor", 128), ("subject", 256), ("address", 64)):
        values[name] = values[name][:longest]
    return AuditEntry(hash=seal(values), **values)


def seal(values: dict[str, object]) -> str:
    """SHA-256 of every field but the hash itself, in a fixed order."""
    names = ("number", "at", "actor", "action", "subject", "outcome", "address", "previous")
    return hashlib.sha256(dump_json([values[name] for name in names])).hexdigest()


def check_chain(entries: Iterable[AuditEntry], *, number: int = 0, previous: str = "") -> tuple[int, str]:
    """Number and hash of the last entry; ``entries`` follow the one of ``number`` and hash ``previous``.

    Raises:
        AuditBroken: names the first entry that does not fit. Rows cut off at the end leave no trace in the rows: keep
            the last hash elsewhere (every entry's is in the log) and compare.
    """
    for entry in entries:
        number += 1
        fits = entry.number == number and entry.previous == previous and entry.hash == seal(entry.model_dump())
        if not fits:
            raise AuditBroken(f"the audit log was tampered with at entry {number}", hint="compare it with a backup")
        previous = entry.hash
    return number, previous


class Audit:
    """Records and reads the log."""

    def __init__(self, database: Database, *, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now

    async def add(self, connection: AsyncConnection, deed: Deed) -> None:
        """Records inside a unit of work that changes something else, too: both or neither."""
        number, previous = await tables.last_audit(connection)
        entry = chained(deed, number=number + 1, previous=previous, now=self._now())
        await tables.add_audit(connection, entry)
        log.info("audit", **entry.model_dump(exclude={"previous"}))

    async def record(self, deed: Deed) -> None:
        """Records a deed that is done already. A database that cannot store it leaves it in the log alone."""
        try:
            async with self._database.transaction() as connection:
                await self.add(connection, deed)
        except DatabaseUnavailable as exc:
            # The reason says it all; a traceback would bury the entry, which stands here alone.
            log.error("audit entry not stored", reason=exc.message, **deed.model_dump())  # noqa: TRY400

    async def page(self, *, before: int = INT64_MAX, limit: int = 100) -> tuple[AuditEntry, ...]:
        """The newest entries, newest first."""
        async with self._database.read() as connection:
            return await tables.audit_page(connection, before=before, limit=limit)

    async def verify(self) -> tuple[int, str]:
        """Number and hash of the newest entry, after checking all of them.

        Raises:
            AuditBroken: with the number of the first bad entry.
        """
        number, previous = 0, ""
        async with self._database.read() as connection:
            while entries := await tables.audit_after(connection, number, limit=PAGE):
                number, previous = check_chain(entries, number=number, previous=previous)
        return number, previous
