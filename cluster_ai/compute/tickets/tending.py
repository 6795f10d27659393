"""Looks after one order of a child to its end: reads what it says, and sees to its limits of time and memory."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import psutil
from pydantic import ValidationError

from cluster_ai.compute.tickets.pipes import ERR, OUT, TOLD, Pipes
from cluster_ai.core.processes import how_it_ended
from cluster_ai.executors.contract import GRACE_SECONDS, Result

LOOK_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 1.0
"""What left the child's group may hold its pipes open for ever."""
AT_ONCE: Final = frozenset({"stale", "memory_exceeded", "worker_stopped"})
"""Reasons for an end without a grace."""
AGAIN: Final = frozenset({"timed_out", "worker_stopped"})
_WORDS: Final = {
    "timed_out": "it was not done in its time",
    "cancelled": "it was cancelled",
    "stale": "the attempt does not count any more",
    "memory_exceeded": "it took more memory than it may",
    "worker_stopped": "its worker was stopped",
}


class Said(Protocol):
    """Where what the child says goes."""

    def progress(self, share: float | None, note: str) -> None: ...

    def log(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Allowed:
    """Limits of one attempt. ``memory_bytes`` 0: not looked after here."""

    seconds: float
    memory_bytes: int = 0
    grace_seconds: float = GRACE_SECONDS


class Stop:
    """A wish that an attempt end, from any thread, before it begins or while it runs.

    Whoever tends the attempt enters it: from then on ``fd`` can be read once somebody has wished.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._woken = -1
        self.fd = -1
        self.why = ""

    def __enter__(self) -> Self:
        with self._lock:
            self.fd, self._woken = os.pipe()
            if self.why:
                os.write(self._woken, b".")
        return self

    def __exit__(self, *_exc: object) -> None:
        with self._lock:
            os.close(self.fd)
            os.close(self._woken)
            self.fd = self._woken = -1

    def ask(self, why: str) -> None:
        """``cancelled`` ends it in its grace, what is in ``AT_ONCE`` at once. Only the first wish counts."""
        with self._lock:
            if self.why:
                return
            self.why = why
            if self._woken >= 0:
                os.write(self._woken, b".")


Alarm = tuple[float, Callable[[], None]]
"""What is called once an attempt has gone on for so many seconds, by the thread that tends it."""


@dataclass(frozen=True, slots=True)
class Care:
    """How an order is looked after. ``alarms``: the earliest first."""

    said: Said
    allowed: Allowed
    stop: Stop
    alarms: Sequence[Alarm] = ()


class Tending:
    """One order, looked after by the thread that calls ``to_the_end``."""

    def __init__(self, pipes: Pipes, care: Care, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pipes = pipes
        self._care = care
        self._clock = clock
        now = clock()
        self._end = now + care.allowed.seconds
        self._kill_at: float | None = None
        self._look_at = now + LOOK_SECONDS
        self._alarms = [(now + seconds, call) for seconds, call in care.alarms]
        self._number = 0
        self._result: Result | None = None
        self._is_used_up = False
        self._code: int | None = None
        self._over_at: float | None = None
        self.why = ""
        """Why it was stopped; empty when it was not."""

    def to_the_end(self, folder: Path) -> Result:
        """What came of the order in ``folder``.

        Raises:
            BrokenPipeError: the child ended before it was given the order.
        """
        self._number = self._pipes.give(folder)
        with self._care.stop as stop, self._pipes.woken_by(stop.fd):
            while not self._is_over():
                self._pipes.read(self._pause(), self._heard)
                self._heed()
        # What it wrote before its result may lie in the other pipe.
        self._pipes.read(0, self._heard)
        self._pipes.end_line(self._heard)
        return self._settled()

    @property
    def is_last(self) -> bool:
        """Whether the child is not to have another order."""
        return self._is_used_up or self._result is None or bool(self.why)

    def _is_over(self) -> bool:
        if self._result is not None or not self._pipes.are_open:
            return True
        return self._over_at is not None and self._clock() >= self._over_at

    def _pause(self) -> float:
        times = [self._end if not self.why else None, self._kill_at, self._over_at]
        if self._care.allowed.memory_bytes:
            times.append(self._look_at)
        if self._alarms:
            times.append(self._alarms[0][0])
        known = [at for at in times if at is not None]
        return max(0.0, min(known) - self._clock()) if known else LOOK_SECONDS

    def _heed(self) -> None:
        now = self._clock()
        if self._care.stop.why and not self.why:
            self._stopped(self._care.stop.why)
        if not self.why and now >= self._end:
            self._stopped("timed_out")
        most = self._care.allowed.memory_bytes
        if most and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            if not self.why and _memory(self._pipes.child.pid) > most:
                self._stopped("memory_exceeded")
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._pipes.child.signal(signal.SIGKILL)
        while self._alarms and now >= self._alarms[0][0]:
            _, call = self._alarms.pop(0)
            call()

    def _stopped(self, why: str) -> None:
        if self._result is not None:
            return
        self.why = why
        if why in AT_ONCE:
            self._pipes.child.signal(signal.SIGKILL)
            return
        self._pipes.child.signal(signal.SIGTERM)
        self._kill_at = self._clock() + self._care.allowed.grace_seconds

    # -- what is heard

    def _heard(self, source: str, line: bytes) -> None:
        if source == OUT and line:
            self._said(line)
        elif source == ERR and line:
            self._wrote(line)
        elif source == TOLD:
            self._ended(line)

    def _said(self, line: bytes) -> None:
        said = _object(line)
        if said is None or "of" not in said:
            self._wrote(line)
        elif said["of"] != self._number:
            # Late words of an order that is over.
            return
        elif "result" in said:
            self._result = _result(said["result"])
            self._is_used_up = bool(said.get("last"))
        elif "log" in said:
            self._care.said.log(str(said["log"]))
        elif "progress" in said:
            share = said["progress"]
            known = float(share) if isinstance(share, int | float) else None
            self._care.said.progress(known, str(said.get("note", "")))

    def _wrote(self, line: bytes) -> None:
        self._care.said.log(line.decode("utf-8", "replace"))

    def _ended(self, line: bytes) -> None:
        """With its exit code, or with nothing when its keeper died with it."""
        self._is_used_up = True
        if line:
            self._code = int(line)
            self._kill_at = None
        if self._over_at is None:
            self._over_at = self._clock() + DRAIN_SECONDS

    def _settled(self) -> Result:
        # What was done in spite of a wish to stop is done.
        if self._result is not None and (self._result.ok or not self.why):
            return self._result
        if self.why:
            detail = self._result.error if self._result is not None else ""
            return Result(ok=False, code=self.why, error=detail or _WORDS[self.why], retryable=self.why in AGAIN)
        if self._code is None:
            return Result(ok=False, code="child_lost", error="the process that kept it ended")
        return Result(
            ok=False, code="child_died", error=f"its process ended without a result: {how_it_ended(self._code)}"
        )


def not_begun(why: str) -> Result:
    """What comes of an attempt whose end was wished before anything of it was done."""
    error = "it was cancelled before it began" if why == "cancelled" else _WORDS[why]
    return Result(ok=False, code=why, error=error, retryable=why in AGAIN)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _result(said: Any) -> Result:
    try:
        return Result.model_validate(said)
    except ValidationError as exc:
        return Result(ok=False, code="bad_result", error=f"its result cannot be read: {exc.errors()[0]['msg']}")


def _memory(pid: int) -> int:
    """Bytes of the process and all below it."""
    try:
        top = psutil.Process(pid)
        found = [top, *top.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for process in found:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total
