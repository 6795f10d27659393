"""Words of backups: their settings, what stands in one, what is told of one, and why one is refused. Pure."""

from typing import Final

from pydantic import Field

from cluster_ai.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from cluster_ai.core.wire import Slice, View

FORMAT: Final = 1
SUFFIX: Final = ".cabackup"
DATABASE: Final = "data/cluster.db"
"""Where the database stands in a backup, whatever it is called at home."""

KEPT: Final = ("config.toml", "membership.json", "secrets", "slo", "data")
"""What is backed up of a data directory; models, logs and what is only for the moment can be made again."""


class BackupSettings(Slice):
    """How often backups are made, where they lie, and how many are kept."""

    every_hours: float = Field(
        default=0.0, ge=0, le=8760, description="The head that leads makes one so often; 0: only when asked."
    )

    folder: str = Field(
        default="", max_length=1024, description="Where they are written; `backups` in the data directory when empty."
    )
    keep_newest: int = Field(default=7, ge=1, le=1000, description="So many of the newest are kept.")
    keep_daily: int = Field(default=7, ge=0, le=1000, description="... and the last of each of so many days (UTC).")
    keep_weekly: int = Field(default=4, ge=0, le=1000, description="... and the last of each of so many ISO weeks.")


class BackupCorrupt(Conflict):
    """It is no backup, or its bytes are not those that were written."""

    code = "backup_corrupt"


class BackupTruncated(Conflict):
    """It ends too early."""

    code = "backup_truncated"


class BackupWrongKey(Conflict):
    """It was made with another key or passphrase."""

    code = "backup_wrong_key"


class BackupNewer(Conflict):
    """It was made by a newer version of this program."""

    code = "backup_newer"


class BackupUnproven(Conflict):
    """What it gives back is not what went in."""

    code = "backup_unproven"


class BackupFolder(Unavailable):
    """Where backups lie cannot be read or written."""

    code = "backup_folder"


class BackupNotFound(NotFound):
    """No backup of that name is in the folder."""

    code = "backup_not_found"


class BackupKeyMissing(NotFound):
    """There is no key to read it with."""

    code = "backup_key_missing"


class BadPassphrase(InvalidInput):
    """It is too short to keep a backup closed."""

    code = "bad_passphrase"


class DatabaseElsewhere(Conflict):
    """The database is a file outside the data directory."""

    code = "database_elsewhere"


class DatabaseNotEmpty(Conflict):
    """Rows are to go into a database that has some."""

    code = "database_not_empty"


class StillUsed(Conflict):
    """Some process has the database open."""

    code = "database_in_use"


class BadRestoreNote(Conflict):
    """What a restore that was interrupted left cannot be read."""

    code = "bad_restore_note"


class Member(View):
    """A file in a backup. ``path`` is relative to the data directory; ``size`` in bytes; ``sha256`` hexadecimal."""

    path: str
    size: int = Field(ge=0)
    sha256: str


class Sample(View):
    """One row: the SHA-256 of its values stands for them."""

    table: str
    offset: int = Field(ge=0)
    sha256: str


class Manifest(View):
    """What stands in a backup. ``made_at``: Unix seconds. ``rows``: per table. ``links``: symbolic ones, and where they
    lead within their folder. ``head``: hash of the last audit entry,
    empty where there is none.
    """

    format: int
    version: str
    revision: str
    made_at: float
    members: tuple[Member, ...]
    links: dict[str, str]
    rows: dict[str, int]
    entries: int
    head: str
    samples: tuple[Sample, ...]


class Record(View):
    """What is known of a backup without opening it; lies beside it. ``reason``: code and words, when not verified."""

    made_at: float
    verified: bool
    verified_at: float
    reason: str = ""
    version: str = ""
    revision: str = ""
    rows: int = 0


class BackupView(View):
    """A backup in the folder. ``size`` in bytes; ``verified``: it was restored for a trial and was the same."""

    name: str
    made_at: float
    size: int
    verified: bool
    reason: str = ""


class RestoreNote(View):
    """What a restore is about to do: ``names`` of the data directory go to ``aside``, ``coming`` come from ``staged``.

    A name that is no more in ``staged`` and is among ``coming`` has come already.
    """

    staged: str
    aside: str
    names: tuple[str, ...]
    coming: tuple[str, ...]


class Restored(View):
    """``aside``: where what was there before lies now; empty where nothing was."""

    made_at: float
    rows: int
    aside: str
