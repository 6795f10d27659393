"""Runs one job to its end: its lines are told, what it holds is watched, and at the end nothing of it is left."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Final

import psutil

from cluster_ai.core.processes import signal_group
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.rooms import hand_over
from cluster_ai.executors.sandbox import usage
from cluster_ai.executors.sandbox.bare import BARE
from cluster_ai.executors.sandbox.types import Command, Ended, Job, Line, Rung
from cluster_ai.executors.sandbox.uids import own_user
from cluster_ai.executors.stopping import Stop

KEPT: Final = 16 * 1024
"""Bytes of the end of what it wrote."""
LONGEST_LINE: Final = 4096
GLANCE: Final = 0.2
"""Seconds between two looks at what it holds."""
ENGINE_SECONDS: Final = 5.0
"""For a container's engine to take it down."""
FIRST_GLANCE: Final = 0.05
LAST_WORDS: Final = 1.0
"""Seconds for what lies in the pipe when the program has ended."""
_ENGINE_FAILED: Final = 125
"""Exit code of docker and podman when they themselves failed."""
_KILL: Final = 128 + signal.SIGKILL


@dataclass(slots=True)
class Output:
    """What a program writes, as lines and as its end."""

    line: Line
    tail: bytes = b""
    rest: bytes = b""

    def take(self, data: bytes) -> None:
        self.tail = (self.tail + data)[-KEPT:]
        *whole, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > LONGEST_LINE:
            whole, self.rest = [*whole, self.rest], b""
        for line in whole:
            self._tell(line)

    def end(self) -> None:
        if self.rest:
            self._tell(self.rest)
        self.rest = b""

    def _tell(self, line: bytes) -> None:
        self.line(line[:LONGEST_LINE].decode("utf-8", "replace").rstrip("\r"))


@dataclass(slots=True)
class _Life:
    """A job under way."""

    process: "subprocess.Popen[bytes]"
    job: Job
    output: Output
    ends: float
    uid: int | None = None
    """Whose processes are measured, too: those of a container are below its engine, not below us."""
    is_heard: bool = True
    """Until it closes its output."""
    disk: int = 0
    memory: int = 0
    processes: int = 0
    complaint: Failed | None = field(default=None)


def run(rung: Rung, job: Job, stop: Stop, line: Line) -> Ended:
    """To its end, or to ours: the time, too much disk or memory, or the wish that it stops.

    Raises:
        Cancelled: the end was asked for; everything that it started is gone.
        Failed: ``tool_missing``, the program that starts it is not there.
    """
    stop.check()
    started = time.monotonic()
    # Without a sandbox it is our own user's.
    with own_user() if rung.name != BARE else nullcontext() as uid:
        if uid is not None:
            hand_over(job.room.work, uid)
            hand_over(job.room.tmp, uid)
        with _started(rung.command(job, uid)) as process:
            life = _Life(process, job, Output(line), started + job.bounds.seconds)
            life.uid = uid if rung.name == "container" else None
            _watch(life, stop)
            _drain(life)
    stop.check()
    if rung.name == "container" and process.returncode == _ENGINE_FAILED:
        last = (life.output.tail.decode("utf-8", "replace").strip().splitlines() or [""])[-1]
        raise Failed("engine_unavailable", f"the container could not be started: {last}")
    return replace(_ended(life, time.monotonic() - started), sandbox=rung.name)


@contextmanager
def _started(command: Command) -> Iterator["subprocess.Popen[bytes]"]:
    """In a session of its own; at the end nothing of it is alive."""
    process = start(command)
    assert process.stdout
    with process.stdout:
        os.set_blocking(process.stdout.fileno(), False)
        try:
            yield process
        finally:
            _end(process, command)


def start(command: Command) -> "subprocess.Popen[bytes]":
    """A process with what it is lent; its output is one pipe.

    Raises:
        Failed: ``tool_missing``, it is not there.
    """
    with ExitStack() as stack:
        lent = {word: stack.enter_context(_file(data)) for word, data in command.lent.items()}
        try:
            return subprocess.Popen(  # noqa: S603 - the rung's words
                [str(lent[word]) if word in lent else word for word in command.argv],
                env=dict(command.env),
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=command.alone,
                pass_fds=tuple(lent.values()),
            )
        except OSError as exc:
            raise Failed("tool_missing", f"{command.argv[0]} cannot be started: {exc.strerror}") from exc


@contextmanager
def _file(data: bytes) -> Iterator[int]:
    """An open file in memory."""
    number = os.memfd_create("lent")
    try:
        os.write(number, data)
        os.lseek(number, 0, os.SEEK_SET)
        yield number
    finally:
        os.close(number)


def _end(process: "subprocess.Popen[bytes]", command: Command) -> None:
    """No SIGTERM before: who asks for the end does not wait for the program's consent.

    With the first process of its namespace all in it die; without one, what left the group is found below us.
    """
    for argv in command.end:
        if process.poll() is None:
            subprocess.run(argv, env=dict(command.env), capture_output=True, check=False)  # noqa: S603
            _awaited(process)
    left = _below(process)
    if command.alone:
        signal_group(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    for other in left:
        try:
            other.kill()
        except psutil.Error:
            continue
    process.wait()
    psutil.wait_procs(left, timeout=LAST_WORDS)


def _awaited(process: "subprocess.Popen[bytes]") -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(ENGINE_SECONDS)


def _below(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        return []
    return found


def _watch(life: _Life, stop: Stop) -> None:
    """Until it has ended or must."""
    glance = time.monotonic() + FIRST_GLANCE
    with _ending(life.process) as ending:
        while life.process.poll() is None and not stop.asked:
            now = time.monotonic()
            if now >= life.ends:
                life.complaint = Failed("timed_out", f"not done within {life.job.bounds.seconds:g} s")
            elif now >= glance:
                _look(life)
                # Counting many files takes its time: at most a tenth of the time goes to it.
                glance = max(now + GLANCE, time.monotonic() + 9 * (time.monotonic() - now))
            if life.complaint is not None:
                return
            _hear(life, (stop.fileno(), ending), max(0.0, min(glance, life.ends) - now))
    if not stop.asked:
        _look(life)


@contextmanager
def _ending(process: "subprocess.Popen[bytes]") -> Iterator[int]:
    """Can be read when the process has ended."""
    number = os.pidfd_open(process.pid)
    try:
        yield number
    finally:
        os.close(number)


def _look(life: _Life) -> None:
    try:
        used = usage.measure(life.process.pid, life.job.room, life.uid)
    except Failed as exc:
        life.complaint = exc
        return
    life.disk, life.memory = max(life.disk, used.disk), max(life.memory, used.memory)
    life.processes = max(life.processes, used.processes)
    life.complaint = usage.complaint(used, life.job.bounds)


def _hear(life: _Life, others: tuple[int, int], seconds: float) -> None:
    """Waits for a line, the wish to stop, its end, or the time."""
    assert life.process.stdout
    pipe = life.process.stdout.fileno()
    ready, _, _ = select.select([*others, pipe] if life.is_heard else others, [], [], seconds)
    if pipe in ready:
        life.is_heard = _read(life)


def _read(life: _Life) -> bool:
    """Whether there was something, or may be."""
    assert life.process.stdout
    try:
        data = os.read(life.process.stdout.fileno(), 65_536)
    except BlockingIOError:
        return True
    life.output.take(data)
    return bool(data)


def _drain(life: _Life) -> None:
    """What still lies in the pipe; without waiting, for somebody else may hold its other end."""
    assert life.process.stdout
    while life.process.returncode is not None:
        try:
            data = os.read(life.process.stdout.fileno(), 65_536)
        except BlockingIOError:
            break
        if not data:
            break
        life.output.take(data)
    life.output.end()


def _ended(life: _Life, seconds: float) -> Ended:
    wrong = life.complaint
    return Ended(
        code=_KILL if wrong else _code(life.process.returncode),
        reason=wrong.code if wrong else "",
        error=wrong.error if wrong else "",
        seconds=round(seconds, 3),
        tail=life.output.tail.decode("utf-8", "replace"),
        disk=life.disk,
        memory=life.memory,
        processes=life.processes,
    )


def _code(code: int) -> int:
    """As a shell says it: 128 + n for signal n."""
    return 128 - code if code < 0 else code
