"""Runs one job to its end: its lines are told, what it holds is watched, and at the end nothing of it is left."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import psutil

from cluster_ai.core.processes import signal_group
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.rooms import hand_over
from cluster_ai.executors.sandbox import usage
from cluster_ai.executors.sandbox.types import Command, Ended, Job, Line, Rung
from cluster_ai.executors.sandbox.uids import own_user
from cluster_ai.executors.stopping import Stop

KEPT: Final = 16 * 1024
"""Bytes of the end of what it wrote."""
LONGEST_LINE: Final = 4096
GLANCE: Final = 0.2
"""Seconds between two looks at what it holds."""
LAST_WORDS: Final = 1.0
"""Seconds for what lies in the pipe when the program has ended."""
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
    with own_user() as uid:
        if uid is not None and rung.name != "none":
            hand_over(job.room.work, uid)
            hand_over(job.room.tmp, uid)
        with _started(rung.command(job, uid)) as process:
            life = _Life(process, job, Output(line), started + job.bounds.seconds)
            _watch(life, stop)
            _drain(life)
    stop.check()
    return replace(_ended(life, time.monotonic() - started), sandbox=rung.name)


@contextmanager
def _started(command: Command) -> Iterator["subprocess.Popen[bytes]"]:
    """In a session of its own; at the end nothing of it is alive."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the rung's words
            command.argv,
            env=dict(command.env),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as exc:
        raise Failed("tool_missing", f"{command.argv[0]} cannot be started: {exc.strerror}") from exc
    assert process.stdout
    with process.stdout:
        os.set_blocking(process.stdout.fileno(), False)
        try:
            yield process
        finally:
            _end(process, command)


def _end(process: "subprocess.Popen[bytes]", command: Command) -> None:
    """No SIGTERM before: who asks for the end does not wait for the program's consent.

    With the first process of its namespace all in it die; without one, what left the group is found below us.
    """
    left = _below(process)
    signal_group(process.pid, signal.SIGKILL)
    for other in left:
        try:
            other.kill()
        except psutil.Error:
            continue
    if command.end:
        subprocess.run(command.end, env=dict(command.env), capture_output=True, check=False)  # noqa: S603
    process.wait()
    psutil.wait_procs(left, timeout=LAST_WORDS)


def _below(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        return []
    return found


def _watch(life: _Life, stop: Stop) -> None:
    """Until it has ended or must."""
    glance = 0.0
    while life.process.poll() is None and life.complaint is None and not stop.asked:
        now = time.monotonic()
        if now >= life.ends:
            life.complaint = Failed("timed_out", f"not done within {life.job.bounds.seconds:g} s")
        elif now >= glance:
            _look(life)
            # Counting many files takes its time: at most a tenth of the time goes to it.
            glance = max(now + GLANCE, time.monotonic() + 9 * (time.monotonic() - now))
        _hear(life, stop, min(GLANCE, max(0.0, life.ends - now)))
    if life.complaint is None and not stop.asked:
        _look(life)


def _look(life: _Life) -> None:
    try:
        used = usage.measure(life.process.pid, life.job.room)
    except Failed as exc:
        life.complaint = exc
        return
    life.disk, life.memory = max(life.disk, used.disk), max(life.memory, used.memory)
    life.processes = max(life.processes, used.processes)
    life.complaint = usage.complaint(used, life.job.bounds)


def _hear(life: _Life, stop: Stop, seconds: float) -> None:
    """Waits for a line, the wish to stop, or the time."""
    pipe = life.process.stdout
    assert pipe
    ready, _, _ = select.select([pipe.fileno(), stop.fileno()], [], [], seconds)
    if pipe.fileno() in ready and not _read(life) and life.process.poll() is None:
        # It closed its output and goes on: nothing is left to wake us but its end.
        stop.wait(seconds)


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
