"""Files that a ticket brings, and those that it leaves: where they may come from, and what becomes of them."""

import base64
import binascii
import fnmatch
import hashlib
import io
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Final, Self, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from cluster_ai.core.paths import PRIVATE_DIR
from cluster_ai.core.wire import Name, StrictModel, Text
from cluster_ai.executors.contract import Artefact
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.places import holding
from cluster_ai.executors.rooms import Room, walk
from cluster_ai.executors.types import MIB, ExecutorSettings

T = TypeVar("T")
CHUNK: Final = 1024**2
MOST_UNPACKED: Final = 20_000
"""Entries of an archive."""
MOST_ARTEFACTS: Final = 200


def _stays_inside(text: str) -> str:
    if text.startswith("/") or any(part in ("", ".", "..") for part in text.split("/")):
        raise ValueError("must be a relative path without . or ..")
    if re.search(r"[\x00-\x1f\\]", text):
        raise ValueError("contains a control character or a backslash")
    return text


RelativePath = Annotated[str, StringConstraints(min_length=1, max_length=512), AfterValidator(_stays_inside)]
"""A file below a folder: ``src/app.py``."""
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")


class FileIn(StrictModel):
    """A file that a ticket brings, from one source: text, base64, ticket with artefact, or source."""

    path: RelativePath = Field(description="Where it lies in the ticket's own folder.")
    text: Text | None = Field(default=None, description="Its text.")
    base64: Annotated[str, Field(max_length=1_400_000)] | None = Field(default=None, description="Its bytes.")
    ticket: Name | None = Field(
        default=None, description="The ticket whose artefact it is; in a plan its name there. It must be depended on."
    )
    artefact: RelativePath | None = Field(default=None, description="Path of that artefact.")
    source: Annotated[str, StringConstraints(pattern=r"^/", max_length=1024)] | None = Field(
        default=None, description="A file of the machine, below a folder of `[executors] inputs`."
    )
    unpack: bool = Field(default=False, description="A .zip or .tar(.gz, .xz): its files lie in the folder `path`.")
    executable: bool = Field(default=False, description="It may be run as a program.")

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.ticket is None) != (self.artefact is None):
            raise ValueError("ticket and artefact go together")
        given = [each for each in (self.text, self.base64, self.ticket, self.source) if each is not None]
        if len(given) != 1:
            raise ValueError("one of text, base64, ticket with artefact, source must be given")
        if self.base64 is not None:
            _decoded(self.base64)
        return self


Files = Annotated[tuple[FileIn, ...], Field(max_length=500)]


def tickets_of(files: Sequence[FileIn]) -> set[str]:
    """The tickets whose artefacts are read."""
    return {file.ticket for file in files if file.ticket is not None}


def beyond(files: Sequence[FileIn], settings: ExecutorSettings) -> list[str]:
    """Sources that this machine does not grant."""
    wanted = [file.source for file in files if file.source is not None]
    return [path for path in wanted if not _is_below(Path(path), settings.inputs)]


def place(files: Sequence[FileIn], target: Path, *, folder: Path, settings: ExecutorSettings) -> None:
    """Writes them below ``target``. ``folder``: the ticket's own; those of others lie beside it.

    Raises:
        Failed: ``input_missing`` or ``not_allowed``.
    """
    for file in files:
        where = target / file.path
        parent = where if file.unpack else where.parent
        parent.mkdir(parents=True, exist_ok=True)
        with _opened(file, folder, settings) as source:
            if file.unpack:
                _unpack(source, where, settings.disk_mib * MIB)
            else:
                _write(source, where)
                where.chmod(0o700 if file.executable else 0o600)


@contextmanager
def _opened(file: FileIn, folder: Path, settings: ExecutorSettings) -> Iterator[IO[bytes]]:
    if file.ticket is not None and file.artefact is not None:
        # A name is made an id before it comes here; what is none could lead out of the tickets' folder.
        if not _ID.fullmatch(file.ticket):
            raise Failed("invalid_input", f"{file.ticket} is no id of a ticket")
        root = holding(folder.parent, file.ticket) / "artefacts"
        path = root / file.artefact
        allowed: Sequence[Path] = (root,)
    elif file.source is not None:
        path, allowed = Path(file.source), settings.inputs
    else:
        yield io.BytesIO(file.text.encode() if file.text is not None else _decoded(file.base64 or ""))
        return
    if not _is_below(path, allowed):
        raise Failed("not_allowed", f"[executors] inputs does not name {path.parent}")
    with open_plain(path) as opened:
        yield opened


def _is_below(path: Path, folders: Sequence[Path]) -> bool:
    """Where the path really leads, links followed."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)


@contextmanager
def open_plain(path: Path) -> Iterator[IO[bytes]]:
    """A file that is a plain one: no link, no device, no pipe that would be waited for.

    Raises:
        Failed: ``input_missing``.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise Failed("input_missing", f"{path.name} cannot be read: {exc.strerror}") from exc
    with os.fdopen(number, "rb") as opened:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise Failed("input_missing", f"{path.name} is no plain file")
        yield opened


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError(f"is not base64: {exc}") from exc


def _write(source: IO[bytes], target: Path, most: int | None = None) -> tuple[int, str]:
    """Bytes and SHA-256 of what was written."""
    digest, count = hashlib.sha256(), 0
    with target.open("wb") as out:
        while data := source.read(CHUNK):
            out.write(data)
            digest.update(data)
            count += len(data)
            if most is not None and count > most:
                raise Failed("disk_exceeded", f"what was unpacked is larger than the {most} bytes that are left")
    return count, digest.hexdigest()


def _unpack(source: IO[bytes], target: Path, most: int) -> None:
    """Plain files and folders alone, of ``most`` bytes together; what would lie outside is refused."""
    try:
        if zipfile.is_zipfile(source):
            source.seek(0)
            _unzip(source, target, most)
        else:
            source.seek(0)
            _untar(source, target, most)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as exc:
        raise Failed("input_missing", f"{target.name} cannot be unpacked: {exc}") from exc


def _unzip(source: IO[bytes], target: Path, most: int) -> None:
    with zipfile.ZipFile(source) as archive:
        for entry in _few(archive.infolist()):
            if not entry.is_dir():
                with archive.open(entry) as data:
                    most -= _write(data, _inner(target, entry.filename), most)[0]


def _untar(source: IO[bytes], target: Path, most: int) -> None:
    with tarfile.open(fileobj=source) as archive:
        for entry in _few(archive.getmembers()):
            data = archive.extractfile(entry) if entry.isfile() else None
            if data is not None:
                path = _inner(target, entry.name)
                most -= _write(data, path, most)[0]
                path.chmod(0o700 if entry.mode & 0o100 else 0o600)


def _few(entries: "list[T]") -> "list[T]":
    if len(entries) > MOST_UNPACKED:
        raise Failed("input_missing", f"the archive holds more than {MOST_UNPACKED} entries")
    return entries


def _inner(target: Path, name: str) -> Path:
    parts = [part for part in PurePosixPath(name).parts if part != "."]
    if not parts or ".." in parts or name.startswith("/"):
        raise Failed("input_missing", f"the archive holds {name!r}, which would lie outside")
    path = target.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def collect(room: Room, patterns: Sequence[str], *, must: bool = True) -> tuple[Artefact, ...]:
    """Copies what the program left in its folder to the ticket's artefacts; links are not followed.

    A ``*`` in a pattern also stands for folders: ``dist/*`` is all that lies below.

    Raises:
        Failed: ``artefact_missing``, a pattern fits no file, or there are too many.
    """
    if not patterns:
        return ()
    left = {
        Path(path).relative_to(room.work).as_posix(): Path(path)
        for path, told in walk(room.work)
        if stat.S_ISREG(told.st_mode)
    }
    wanted: dict[str, Path] = {}
    for pattern in patterns:
        fitting = {name: path for name, path in left.items() if fnmatch.fnmatchcase(name, pattern)}
        if must and not fitting:
            raise Failed("artefact_missing", f"no file fits {pattern}")
        wanted |= fitting
    if len(wanted) > MOST_ARTEFACTS:
        raise Failed("artefact_missing", f"{len(wanted)} files fit; {MOST_ARTEFACTS} are the most: pack them")
    return tuple(_kept(room, name, path) for name, path in sorted(wanted.items()))


def _kept(room: Room, name: str, path: Path) -> Artefact:
    with open_plain(path) as source:
        return keep(room, name, source)


def keep(room: Room, name: str, source: IO[bytes]) -> Artefact:
    """Makes an artefact of what can be read."""
    target = room.artefacts / name
    room.artefacts.mkdir(mode=PRIVATE_DIR, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    count, digest = _write(source, target)
    target.chmod(0o600)
    return Artefact(name=PurePosixPath(name).name, path=name, bytes=count, sha256=digest)
