"""Words of the sandbox. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cluster_ai.executors.contract import Limits
from cluster_ai.executors.rooms import Room
from cluster_ai.executors.types import MIB, ExecutorSettings


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one run may use. Bytes, seconds, counts."""

    seconds: float
    memory: int
    disk: int
    free_disk: int
    processes: int
    open_files: int


def bounded(limits: Limits, settings: ExecutorSettings) -> Bounds:
    """What the ticket asks for, as far as this machine grants it; 0 is all that the machine grants."""
    memory, disk = settings.memory_mib * MIB, settings.disk_mib * MIB
    return Bounds(
        seconds=min(limits.seconds or settings.seconds, settings.seconds),
        memory=min(limits.memory_bytes or memory, memory),
        disk=min(limits.disk_bytes or disk, disk),
        free_disk=settings.free_disk_mib * MIB,
        processes=min(limits.processes or settings.processes, settings.processes),
        open_files=settings.open_files,
    )


@dataclass(frozen=True, slots=True)
class Job:
    """One program to run in ``room.work``. ``helper``: a script of ours, which it finds as ``HELPER``."""

    argv: Sequence[str]
    room: Room
    bounds: Bounds
    env: Mapping[str, str] = field(default_factory=dict)
    helper: Path | None = None
    socket: Path | None = None
    """Of the doorman that lets it out to the hosts it asked for; without one it has no network."""
    image: str = ""
    """A container of this image, not the machine's own programs."""


@dataclass(frozen=True, slots=True)
class Command:
    """How a job is started on this machine. ``uid``: the user that its processes are, when it is not ours."""

    argv: Sequence[str]
    env: Mapping[str, str]
    uid: int | None = None
    lent: Mapping[str, bytes] = field(default_factory=dict)
    """Words of ``argv`` that stand for the number of an open file, and what it reads there."""
    alone: bool = True
    """In a session and group of its own; else in ours, so that who kills ours kills it, too."""
    folder: str = "/"
    """Where it is started."""
    end: Sequence[Sequence[str]] = ()
    """Commands that end what a signal to the group does not reach, each when the one before did not help."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it went. ``code``: its exit code, 128 + n for signal n. ``reason``: why we ended it, one of the failures."""

    code: int
    sandbox: str = ""
    """The rung it ran on."""
    reason: str = ""
    error: str = ""
    seconds: float = 0.0
    tail: str = ""
    """The end of what it wrote."""
    disk: int = 0
    """Most bytes it held on disk."""
    memory: int = 0
    """... and in memory, all its processes."""
    processes: int = 0
    """Most processes that were seen at a time."""


class Rung(Protocol):
    """One way to run a job."""

    @property
    def name(self) -> str: ...

    def command(self, job: Job, uid: int | None) -> Command: ...


Line = Callable[[str], None]
"""Is told each line that the program writes, without its end."""
