"""What is known about model files, kept beside them so that only a changed file is read again."""

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final, Self

from pydantic import ValidationError

from cluster_ai.core.paths import PRIVATE_FILE
from cluster_ai.core.wire import Slice
from cluster_ai.engines.gguf_check import BrokenModel, GgufFacts, check

WHOLE: Final = 2 * 1024**3
"""Bytes up to which the digest covers every byte of a file."""
SAMPLES: Final = 256
SAMPLE_BYTES: Final = 1024 * 1024
_FORMAT: Final = 1


class Stamp(Slice):
    """Changes whenever a file does. Times are in nanoseconds."""

    size: int
    inode: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        seen = path.stat()
        return cls(size=seen.st_size, inode=seen.st_ino, modified_ns=seen.st_mtime_ns, changed_ns=seen.st_ctime_ns)


class Known(Slice):
    """One model file. ``digest`` is SHA-256 in hex (see ``digest_of``)."""

    stamp: Stamp
    digest: str
    facts: GgufFacts


class _Page(Slice):
    format: int
    files: dict[str, Known]


class KnownFiles:
    """Facts of model files, remembered in one JSON file. Used by one thread; processes may race, the last one wins."""

    def __init__(self, page: Path) -> None:
        self._page = page
        self._remembered = remembered(page)
        self._used: dict[str, Known] = {}

    def learn(self, path: Path) -> Known:
        """The facts of ``path``, from memory when the file has not changed since.

        Raises:
            BrokenModel: it cannot be served, or somebody writes to it at this moment.
        """
        try:
            stamp = Stamp.of(path)
            known = self._remembered.get(_key(path))
            if known is None or known.stamp != stamp:
                known = Known(stamp=stamp, facts=check(path), digest=digest_of(path))
            if Stamp.of(path) != stamp:
                raise BrokenModel("the file is being written")
        except ValueError as exc:
            raise BrokenModel("no file can have this name") from exc
        except OSError as exc:
            raise BrokenModel(f"the file cannot be read: {exc.strerror or exc}") from exc
        self._used[_key(path)] = known
        return known

    def remembers(self, path: Path) -> bool:
        """Whether ``path`` was found whole by an earlier start and has not changed since."""
        known = self._remembered.get(_key(path))
        try:
            return known is not None and known.stamp == Stamp.of(path)
        except (OSError, ValueError):
            return False

    def save(self) -> None:
        """Keeps what ``learn`` answered and forgets the rest. A full or read-only disk costs time, nothing else."""
        if self._used == self._remembered:
            return
        draft = self._page.with_name(f".{self._page.name}.{secrets.token_hex(8)}")
        with contextlib.suppress(OSError):
            try:
                _write(draft, _Page(format=_FORMAT, files=self._used))
                draft.replace(self._page)
            finally:
                draft.unlink(missing_ok=True)


def digest_of(path: Path) -> str:
    """SHA-256 in hex: of the whole file, or of its size and 256 even samples of 1 MiB when it is larger than 2 GiB.

    It tells files apart; it does not prove where a large one comes from.
    """
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= WHOLE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        # To read 40 GB takes minutes in which the node would answer nobody.
        mixed = hashlib.sha256(str(size).encode())
        for number in range(SAMPLES):
            file.seek((size - SAMPLE_BYTES) * number // (SAMPLES - 1))
            mixed.update(file.read(SAMPLE_BYTES))
        return mixed.hexdigest()


def _key(path: Path) -> str:
    # A name need not be UTF-8, JSON must be. Two names that become one are told apart by their inodes.
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def remembered(page: Path) -> dict[str, Known]:
    """What an earlier start learned, by path; nothing when the page is missing, damaged or of another version."""
    try:
        found = _Page.model_validate_json(page.read_bytes(), strict=True)
    except (OSError, ValidationError):
        return {}
    return found.files if found.format == _FORMAT else {}


def _write(draft: Path, page: _Page) -> None:
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE), "wb") as file:
        file.write(page.model_dump_json().encode())
