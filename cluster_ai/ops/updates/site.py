"""One installed head: its versions, its data directory, and what an update writes down on the way."""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from cluster_ai.core import files
from cluster_ai.core.paths import PRIVATE_FILE, Home
from cluster_ai.nodes.bundle import switch
from cluster_ai.ops import tables
from cluster_ai.ops.types import BackupUnproven
from cluster_ai.ops.updates.types import Note, UpdateOutcome, UpdateRuns

_MIGRATIONS: Final = "program/cluster_ai/core/migrations/versions"
_REVISION: Final = re.compile(r"""^revision(?:: str)? = ["'](\w+)["']""", re.MULTILINE)
_BESIDE: Final = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Site:
    """``prefix`` holds the versions. ``is_file``: the database is the file in the data directory."""

    prefix: Path
    home: Home
    is_file: bool = True

    def version(self, name: str) -> Path:
        return self.prefix / switch.VERSIONS / name

    def python(self, name: str) -> Path:
        """What runs that version."""
        return self.version(name) / "venv/bin/python"

    def known_revisions(self, name: str) -> tuple[str, ...]:
        """Versions of the tables that the program ``name`` knows, the newest at the end."""
        texts = (path.read_text(encoding="utf-8") for path in (self.version(name) / _MIGRATIONS).glob("*.py"))
        return tuple(sorted(found[1] for text in texts if (found := _REVISION.search(text))))

    def revision(self) -> str:
        """Of the tables as they are; empty without any, or where nobody can read them."""
        try:
            return tables.revision(self.home.database) if self.is_file and self.home.database.is_file() else ""
        except BackupUnproven:
            return ""

    def keep_database(self) -> None:
        """A copy as it is now, while nothing runs, for ``put_back``. Whole or not at all."""
        self.forget_database()
        if not self.is_file or not self.home.database.is_file():
            return
        draft = self.home.before_update.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        tables.copy_live(self.home.database, draft)
        draft.chmod(PRIVATE_FILE)
        files.sync(draft)
        draft.replace(self.home.before_update)
        files.sync(self.home.root)

    def is_migrated(self, revision: str) -> bool:
        """Whether the tables are not those of ``revision`` any more, or unreadable, and there is a copy of those."""
        return self.home.before_update.is_file() and self.revision() != revision

    def put_back(self) -> None:
        """The copy takes the database's place. Can be done again wherever it was cut off."""
        database = self.home.database
        if not self.home.before_update.is_file():
            return
        # The log of changes belongs to the file that goes: it must never be read into the one that comes.
        for end in _BESIDE:
            database.with_name(database.name + end).unlink(missing_ok=True)
        self.home.before_update.replace(database)
        files.sync(database.parent)

    def forget_database(self) -> None:
        files.take_away(self.home.before_update)

    def note(self) -> Note | None:
        """The update that has not ended."""
        try:
            return Note.model_validate_json(self.home.updating.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write_note(self, note: Note) -> None:
        files.replace(self.home.updating, note.model_dump_json() + "\n")

    def outcome(self) -> UpdateOutcome | None:
        """How the last one ended."""
        try:
            return UpdateOutcome.model_validate_json(self.home.updated.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def end(self, outcome: UpdateOutcome) -> None:
        """Writes down how it ended; the note's going is the moment from which it has."""
        files.replace(self.home.updated, outcome.model_dump_json(indent=2) + "\n")
        files.take_away(self.home.updating)
        self.forget_database()

    @contextlib.contextmanager
    def only_one(self) -> Iterator[None]:
        """Raises UpdateRuns: another process is at it. The system takes the lock back when its owner dies."""
        self.home.make()
        handle = os.open(self.home.run / "update.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                raise UpdateRuns("an update is going on", hint="cluster-ai update status") from exc
            yield
        finally:
            os.close(handle)
