"""The output of a map is its checkpoint: a line of JSON for every line asked, appended once and never changed.

Beside it lies ``<output>.job.json``, which says what the answers are answers to. A tail that a crash left half
written is cut off; everything before it stands.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from cluster_ai.core.errors import Conflict, NotFound, Unavailable
from cluster_ai.core.wire import Count, View, dump_json


class Header(View):
    """What a job is about. Two runs with the same header may share an output."""

    version: Literal[1] = 1
    input_sha256: str
    lines: Count
    prompt: str
    system: str
    model: str
    options: dict[str, str | int | float | bool]

    def differences(self, other: "Header") -> list[str]:
        """Names of the fields that differ."""
        return [name for name in Header.model_fields if getattr(self, name) != getattr(other, name)]


class Record(View):
    """A line of the output. ``error`` is empty for an answer; ``seconds`` is the time of the last try."""

    index: Count
    input: str
    output: str | None
    model: str
    node: str
    seconds: float
    error: str = ""

    def line(self) -> bytes:
        return dump_json(self.model_dump(exclude=None if self.error else {"error"})) + b"\n"


@dataclass(slots=True)
class Standing:
    """What an output holds."""

    answered: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    nodes: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> set[int]:
        return self.answered | self.failed

    def note(self, record: Record) -> None:
        (self.failed if record.error else self.answered).add(record.index)
        if not record.error:
            self.nodes[record.node] += 1


class DiskRefused(Unavailable):
    """The output cannot be written; what stood there before still stands."""


class Output:
    """An open output, locked against a second run. Only ``opened`` makes one."""

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self.standing = Standing()
        self._file = file
        self._end = 0
        self._dirty = False

    def append(self, record: Record) -> None:
        """Writes ``record``; it survives this process now, and a power cut after ``sync``.

        Raises:
            DiskRefused: no space, or the disk is broken.
        """
        data = record.line()
        try:
            _write(self._file, data)
        except OSError as exc:
            # Half a line may stand there. If even cutting it off fails, the next run does.
            with suppress(OSError):
                self._cut(self._end)
            raise _disk(self.path, exc) from exc
        self._end += len(data)
        self._dirty = True
        self.standing.note(record)

    def sync(self) -> None:
        """Makes everything appended durable.

        Raises:
            DiskRefused: what was appended since the last time may be lost.
        """
        if not self._dirty:
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as exc:
            raise _disk(self.path, exc) from exc
        self._dirty = False

    def sort(self) -> None:
        """Rewrites the output in the order of the input."""
        self._rewrite(sorted(self._records(), key=lambda record: record.index))

    def forget_failed(self) -> None:
        """Rewrites the output without the lines that failed: they are asked again."""
        if self.standing.failed:
            self._rewrite(record for record in self._records() if not record.error)

    def restart(self) -> None:
        self._cut(0)
        self.standing = Standing()

    def load(self) -> None:
        """Reads what stands there and cuts a half-written tail off.

        Raises:
            Conflict: a line in the middle is no record: somebody changed the file.
        """
        self.standing = Standing()
        self._end = 0
        for number, line in enumerate(_lines(self.path), 1):
            record = _parsed(line)
            if record is None:
                self._cut_tail(line, number)
                break
            self.standing.note(record)
            self._end += len(line)
        self._file.seek(self._end)

    def _cut_tail(self, line: bytes, number: int) -> None:
        # A crash leaves half a line at the end; a power cut leaves zeros, maybe with whole lines behind them.
        rest = os.fstat(self._file.fileno()).st_size - self._end
        if len(line) < rest and b"\0" not in line:
            raise Conflict(
                f"line {number} of {self.path} is not a record of a map", hint="mend that line, or begin with --restart"
            )
        self._cut(self._end)

    def _cut(self, end: int) -> None:
        self._file.truncate(end)
        self._file.seek(end)
        self._end = end

    def _records(self) -> Iterator[Record]:
        return (record for line in _lines(self.path) if (record := _parsed(line)) is not None)

    def _rewrite(self, records: Iterable[Record]) -> None:
        """A new file takes the old one's place at once; whoever is killed meanwhile leaves the old one."""
        fresh_path = self.path.with_name(self.path.name + ".new")
        fresh = _open(fresh_path, os.O_TRUNC)
        _lock(fresh, self.path)
        try:
            for record in records:
                _write(fresh, record.line())
            os.fsync(fresh.fileno())
        except OSError as exc:
            raise _disk(fresh_path, exc) from exc
        fresh_path.replace(self.path)
        _sync_folder(self.path.parent)
        self._file.close()
        self._file = fresh
        self.load()

    def close(self) -> None:
        self._file.close()


@contextmanager
def opened(path: Path, header: Header, *, restart: bool) -> Iterator[Output]:
    """The output of the job that ``header`` describes, as earlier runs left it.

    Raises:
        Conflict: another run writes it, it belongs to another job, or it is no output of a job at all.
    """
    sidecar = path.with_name(path.name + ".job.json")
    output = Output(path, _open(path))
    try:
        _lock(output._file, path)  # noqa: SLF001 - made two lines above
        if restart:
            output.restart()
        else:
            output.load()
            _check(path, sidecar, header, empty=not output.standing.done)
        _write_sidecar(sidecar, header)
        yield output
        output.sync()
    finally:
        output.close()


def _check(path: Path, sidecar: Path, header: Header, *, empty: bool) -> None:
    if empty:
        return
    try:
        earlier = Header.model_validate_json(sidecar.read_bytes())
    except FileNotFoundError as exc:
        raise Conflict(
            f"{path} holds answers, but nothing says to what: {sidecar.name} is missing",
            hint="choose another output, or begin with --restart",
        ) from exc
    except ValidationError as exc:
        raise Conflict(f"{sidecar} cannot be read", hint="choose another output, or begin with --restart") from exc
    if differing := header.differences(earlier):
        raise Conflict(
            f"{path} holds the answers of another job: {', '.join(differing)} changed since",
            hint="choose another output, or throw the earlier answers away with --restart",
        )


def _write_sidecar(sidecar: Path, header: Header) -> None:
    fresh = sidecar.with_name(sidecar.name + ".new")
    with fresh.open("wb") as file:
        file.write(json.dumps(header.model_dump(), ensure_ascii=False, indent=2).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(sidecar)
    _sync_folder(sidecar.parent)


def _parsed(line: bytes) -> Record | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return Record.model_validate_json(line)
    except ValidationError:
        return None


def _open(path: Path, more_flags: int = 0) -> FileIO:
    try:
        return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | more_flags, 0o644), "r+")
    except FileNotFoundError as exc:
        raise NotFound(f"there is no folder {path.parent}", hint="make it, or choose another output") from exc
    except OSError as exc:
        raise _disk(path, exc) from exc


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _write(file: FileIO, data: bytes) -> None:
    """All of ``data``: a full disk may take a part of it without an error."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _lock(file: FileIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise Conflict(f"another run writes {path}", hint="wait for it, or choose another output") from exc


def _disk(path: Path, exc: OSError) -> DiskRefused:
    hint = "mend that, then run it again: it goes on where it was"
    return DiskRefused(f"{path} cannot be written: {exc.strerror or exc}", hint=hint)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
