"""Puts a backup in place of what is there: all of it or nothing, however this process ends.

All is prepared beside the data directory's files first. Then a note says what goes where, and from then on every step
is a rename that can be done again: whoever finds the note carries it out to its end.
"""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from cluster_ai.core import files
from cluster_ai.core.paths import PRIVATE_DIR, Home
from cluster_ai.ops import tables
from cluster_ai.ops.proving import check, unsealed
from cluster_ai.ops.sealed import Key
from cluster_ai.ops.shelf import write_whole
from cluster_ai.ops.types import DATABASE, KEPT, BadRestoreNote, Manifest, Restored, RestoreNote
from cluster_ai.supervisor.lock import only_one

_STAGED: Final = ".restoring-"
_ASIDE: Final = "before-restore-"


def restore(path: Path, home: Home, key: Key, *, now: float) -> Restored:
    """Restores the backup ``path`` into ``home``, whose cluster must not run.

    Raises:
        AlreadyRuns, StillUsed: the cluster runs.
        BackupCorrupt, BackupTruncated, BackupWrongKey, BackupNewer, BackupUnproven: nothing was changed.
    """
    home.make()
    with only_one(home, restoring=True):
        _finish(home)
        tables.refuse_used(home.database)
        _sweep(home)
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        staged = home.root / f"{_STAGED}{stamp}-{os.getpid()}"
        staged.mkdir(mode=PRIVATE_DIR)
        manifest = _prepared(path, staged, key)
        aside = _free(home.root, f"{_ASIDE}{stamp}")
        coming = tuple(name for name in KEPT if (staged / name).exists())
        note = RestoreNote(staged=staged.name, aside=aside.name, names=KEPT, coming=coming)
        write_whole(home.restoring, note.model_dump_json())
        _finish(home)
        return Restored(
            made_at=manifest.made_at,
            rows=sum(manifest.rows.values()),
            aside=str(aside) if aside.is_dir() else "",
        )


def finish(home: Home) -> bool:
    """Ends a restore that was interrupted; False when none was.

    Raises:
        AlreadyRuns: the cluster runs.
        BadRestoreNote: it cannot be told what was meant.
    """
    if not home.restoring.exists():
        return False
    home.make()
    with only_one(home, restoring=True):
        _finish(home)
        return True


def _prepared(path: Path, staged: Path, key: Key) -> Manifest:
    """The backup in ``staged``, checked, brought to this version and durable; on a refusal the folder is gone."""
    try:
        manifest = unsealed(path, staged, key)
        check(staged, manifest)
        tables.bring_forward(staged / DATABASE)
        tables.check_whole(staged / DATABASE)
        files.sync_tree(staged)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return manifest


def _finish(home: Home) -> None:
    try:
        note = RestoreNote.model_validate_json(home.restoring.read_bytes())
    except FileNotFoundError:
        return
    except ValidationError as exc:
        raise BadRestoreNote(f"{home.restoring} cannot be read", hint="look at the folders beside it") from exc
    staged, aside = home.root / note.staged, home.root / note.aside
    for name in note.names:
        _make_room(home.root / name, note, aside)
        if (staged / name).exists():
            (staged / name).rename(home.root / name)
    files.sync(home.root)
    shutil.rmtree(staged, ignore_errors=True)
    home.restoring.unlink()
    files.sync(home.root)


def _make_room(old: Path, note: RestoreNote, aside: Path) -> None:
    """Moves ``old`` to ``aside``, unless it is what was put in place already, or holds nothing."""
    is_done = (aside / old.name).exists()
    if old.name in note.coming:
        is_done = not (old.parent / note.staged / old.name).exists()
    if is_done or not old.exists() or (old.is_dir() and not any(old.iterdir())):
        return
    if not aside.exists():
        aside.mkdir(mode=PRIVATE_DIR)
        files.sync(aside.parent)
    old.rename(_free(aside, old.name))
    files.sync(aside)


def _free(folder: Path, name: str) -> Path:
    """A name that nothing has: a program that ran in between may have made an empty folder anew."""
    found, number = folder / name, 1
    while found.exists():
        number += 1
        found = folder / f"{name}-{number}"
    return found


def _sweep(home: Home) -> None:
    """What restores left that were ended before their note was written."""
    for left in home.root.glob(f"{_STAGED}*"):
        shutil.rmtree(left, ignore_errors=True)
