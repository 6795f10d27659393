"""The audit log: a chain of hashes, so that a changed, removed, moved or inserted row is noticed."""

import hashlib
import math
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.accounts import tables
from cluster_ai.accounts.types import AuditBroken, AuditEntry, AuditFilter
from cluster_ai.core.db import Database, DatabaseUnavailable
from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import INT64_MAX, View, dump_json

log = structlog.get_logger(__name__)
PAGE = 500
EVERYTHING = AuditFilter()


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


def check_export(lines: Iterable[Mapping[str, Any]]) -> tuple[int, str]:
    """Number and hash of the last entry of an export, after checking all of it. Needs nothing but the file.

    Raises:
        AuditBroken: an entry does not fit, or lines are missing at the end.
        InvalidInput: it is no export.
    """
    last: Mapping[str, Any] | None = None
    number, previous = 0, ""
    for line in lines:
        if last is not None:
            raise AuditBroken("something stands after the end of the export", values={"about": "cut"})
        if "last" in line:
            last = line["last"]
        else:
            number, previous = check_chain((_entry(line),), number=number, previous=previous)
    if last != {"number": number, "hash": previous}:
        raise AuditBroken(
            f"the export breaks off after entry {number}", hint="export it once more", values={"about": "cut"}
        )
    return number, previous


def _entry(line: Mapping[str, Any]) -> AuditEntry:
    try:
        return AuditEntry.model_validate(line)
    except ValidationError as exc:
        raise InvalidInput("this is no export of an audit log", path="file") from exc


class Audit:
    """Records and reads the log."""

    def __init__(self, database: Database, *, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._whole = (0, "", -math.inf)
        """Up to which entry all was whole (number and hash), and when that was seen."""

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

    async def page(
        self, wanted: AuditFilter = EVERYTHING, *, before: int = INT64_MAX, limit: int = 100
    ) -> tuple[AuditEntry, ...]:
        """The newest entries that meet ``wanted``, newest first."""
        async with self._database.read() as connection:
            return await tables.audit_page(connection, wanted, before=before, limit=limit)

    async def exported(self) -> AsyncIterator[bytes]:
        """The whole chain as NDJSON, oldest first, as it was when asked; last a line ``{"last": {number, hash}}``.

        Read in pages, so that a long log takes no memory; what is written meanwhile is left out.
        """
        async with self._database.read() as connection:
            newest = await tables.audit_page(connection, EVERYTHING, before=INT64_MAX, limit=1)
        end, last = (newest[0].number, newest[0].hash) if newest else (0, "")
        number = 0
        while number < end:
            async with self._database.read() as connection:
                found = await tables.audit_after(connection, number, limit=PAGE)
            entries = [entry for entry in found if entry.number <= end]
            if not entries:
                break  # rows were cut off meanwhile: the last line tells
            yield b"".join(dump_json(entry.model_dump()) + b"\n" for entry in entries)
            number = entries[-1].number
        yield dump_json({"last": {"number": end, "hash": last}}) + b"\n"

    async def verify(self, *, trust_seconds: float = 0.0) -> tuple[int, str]:
        """Number and hash of the newest entry, after checking all of them.

        Args:
            trust_seconds: what was seen whole so recently is not read again; only what was added since.

        Raises:
            AuditBroken: with the number of the first bad entry.
        """
        number, previous, seen = self._whole
        if not 0 <= (now := self._now()) - seen < trust_seconds:
            number, previous, seen = 0, "", now
        async with self._database.read() as connection:
            while entries := await tables.audit_after(connection, number, limit=PAGE):
                number, previous = check_chain(entries, number=number, previous=previous)
        self._whole = number, previous, seen
        return number, previous
