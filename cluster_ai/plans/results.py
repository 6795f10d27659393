"""Results that are too large for a row: files, named by plan and ticket, checked by their SHA-256.

A file is whole and durable before the row that names it; one whose row never came is removed, or dropped with its plan.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster_ai.core import files
from cluster_ai.core.db_errors import DatabaseFull, DatabaseUnavailable
from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import dump_json
from cluster_ai.executors.contract import MOST_RESULT_BYTES
from cluster_ai.plans.types import ChainBroken

MOST_BYTES: Final = 64 * 1024 * 1024
_NO_SPACE: Final = (28, 122)
"""ENOSPC and EDQUOT."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A result as its row keeps it: ``value`` itself, or where it lies. ``uri`` is relative to the folder."""

    value: Any
    uri: str = ""
    sha256: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Results:
    """Large results of all plans. Its methods touch the disk: call them in a thread."""

    folder: Path

    def small(self, value: Any) -> Kept | None:
        """``value`` as its row keeps it; None when it is too large for one. Touches no disk.

        Raises:
            InvalidInput: it cannot be written as JSON.
        """
        raw = _raw(value)
        return Kept(value, sha256=_sealed(raw), size=len(raw)) if len(raw) <= MOST_RESULT_BYTES else None

    def keep(self, value: Any, *, plan_id: str, name: str) -> Kept:
        """Stores ``value``, in a file when it is larger than 64 KiB as JSON.

        Raises:
            InvalidInput: it cannot be written as JSON, or has more than 64 MiB.
            DatabaseFull, DatabaseUnavailable: the disk does not take it.
        """
        if (kept := self.small(value)) is not None:
            return kept
        raw = _raw(value)
        sha256 = _sealed(raw)
        if len(raw) > MOST_BYTES:
            raise InvalidInput(
                f"the result has {len(raw)} bytes; {MOST_BYTES} are the most",
                path="value",
                hint="leave it as an artefact in the ticket's folder",
            )
        uri = f"{plan_id}/{name}-{sha256[:16]}.json"
        try:
            _write(self.folder / uri, raw)
        except OSError as exc:
            if exc.errno in _NO_SPACE:
                raise DatabaseFull(
                    "the disk of the results is full", hint="free some space; it goes on by itself"
                ) from exc
            raise DatabaseUnavailable(f"the result cannot be stored: {exc.strerror}") from exc
        return Kept(None, uri, sha256, len(raw))

    def read(self, kept: Kept) -> Any:
        """The value again.

        Raises:
            ChainBroken: the file is gone or was changed.
        """
        if not kept.uri:
            return kept.value
        try:
            raw = (self.folder / kept.uri).read_bytes()
        except OSError as exc:
            raise ChainBroken(f"the result {kept.uri} is not there", hint="replay the plan") from exc
        if _sealed(raw) != kept.sha256:
            raise ChainBroken(f"the result {kept.uri} was changed", hint="replay the plan")
        return json.loads(raw)

    def share(self, kept: Kept, *, plan_id: str, name: str) -> Kept:
        """The same result for another plan's ticket."""
        if not kept.uri:
            return kept
        return self.keep(self.read(kept), plan_id=plan_id, name=name)

    def remove(self, kept: Kept) -> None:
        """Takes back what no row names."""
        if kept.uri:
            (self.folder / kept.uri).unlink(missing_ok=True)

    def drop_plan(self, plan_id: str) -> None:
        shutil.rmtree(self.folder / plan_id, ignore_errors=True)


def _raw(value: Any) -> bytes:
    try:
        return dump_json(value)
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidInput("the result cannot be written as JSON", path="value") from exc


def _sealed(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    files.replace(path, raw)
