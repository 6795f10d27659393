"""Which version of the program a machine runs: ``<prefix>/versions/<name>``, to one of which ``current`` leads.

A new version runs on trial: a note says so, written before the switch. The machine's agent takes the note away as
soon as the head has heard from it (``confirm``); if that does not happen in time, what started the program
(``scripts/install/runner.sh``) goes back to the version before and starts that. The note survives a power cut, and so
does the trial. Python's own library alone.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.core import files
from cluster_ai.nodes.bundle.identity import program_root

KEPT: Final = 2
VERSIONS: Final = "versions"
CURRENT: Final = "current"
TRIAL: Final = "trial"
FAILED: Final = "failed"
COMPLETE: Final = "version.json"
"""Stands in a version that was unfolded to its end: what the head's list said of it."""


class NoVersion(Exception):
    """There is no such version here, or it was not unfolded to its end."""


@dataclass(frozen=True)
class Trial:
    """``name`` is tried; ``before`` ran until then, and is empty when nothing did."""

    name: str
    before: str


def prefix_of(root: Path | None = None) -> Path | None:
    """Where this program is installed; None for a checkout, which nobody switches."""
    version = (root or program_root()).parent
    is_installed = version.parent.name == VERSIONS and (version / COMPLETE).is_file()
    return version.parent.parent if is_installed else None


def versions(prefix: Path) -> tuple[str, ...]:
    """Names of all that are complete, the one unfolded last at the end."""
    found = [path.parent for path in (prefix / VERSIONS).glob(f"*/{COMPLETE}") if not path.parent.name.startswith(".")]
    return tuple(path.name for path in sorted(found, key=lambda path: (path / COMPLETE).stat().st_mtime_ns))


def current(prefix: Path) -> str:
    """Name of the version that is run; empty when there is none."""
    link = prefix / CURRENT
    return link.readlink().name if link.is_symlink() else ""


def flip(prefix: Path, name: str) -> str:
    """``current`` leads to that version; answers the name of the one before.

    Raises:
        NoVersion: it is not complete.
    """
    if name not in versions(prefix):
        raise NoVersion(f"{prefix / VERSIONS} has no complete version {name}")
    before = current(prefix)
    if before != name:
        files.point(prefix / CURRENT, f"{VERSIONS}/{name}")
    return before


def begin_trial(prefix: Path, name: str) -> None:
    """Switches to a version that must prove itself. The program has to be started anew for it.

    Raises:
        NoVersion: it is not complete.
    """
    if name not in versions(prefix):
        raise NoVersion(f"{prefix / VERSIONS} has no complete version {name}")
    before = current(prefix)
    if before == name:
        return
    # The note comes first: a power cut between the two leaves the old version on trial, which it passes.
    files.replace(prefix / TRIAL, json.dumps({"name": name, "before": before}) + "\n", mode=0o644)
    flip(prefix, name)


def trial(prefix: Path) -> Trial | None:
    """The one that is going on."""
    try:
        told = json.loads((prefix / TRIAL).read_text(encoding="utf-8"))
        return Trial(str(told["name"]), str(told["before"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def confirm(prefix: Path) -> bool:
    """The head has heard from this version: it stays, and only the one before is kept beside it.

    Answers whether there was a trial.
    """
    if not files.take_away(prefix / TRIAL):
        return False
    forget_failure(prefix)
    prune(prefix)
    return True


def roll_back(prefix: Path) -> str:
    """Ends a trial that failed; answers the version that runs now, and leaves a note of the one that did not."""
    ending = trial(prefix)
    if ending is not None and ending.before and current(prefix) == ending.name:
        flip(prefix, ending.before)
        files.replace(prefix / FAILED, ending.name + "\n", mode=0o644)
    files.take_away(prefix / TRIAL)
    return current(prefix)


def failed(prefix: Path) -> str:
    """The version that was tried last and went back; empty when the last one stayed."""
    try:
        return (prefix / FAILED).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def forget_failure(prefix: Path) -> None:
    """Whatever failed before, another version is about to be tried, or one has stayed."""
    files.take_away(prefix / FAILED)


def prune(prefix: Path, kept: int = KEPT) -> tuple[str, ...]:
    """Removes all versions but the current one and those unfolded last; answers what it removed."""
    names = [name for name in versions(prefix) if name != current(prefix)]
    gone = tuple(names[: max(0, len(names) - (kept - 1))])
    for name in gone:
        # Without its mark it is not a version any more, wherever the removal stops.
        files.take_away(prefix / VERSIONS / name / COMPLETE)
        shutil.rmtree(prefix / VERSIONS / name, ignore_errors=True)
    return gone
