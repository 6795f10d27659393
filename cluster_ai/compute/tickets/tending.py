"""Looks after one child to its end: reads what it says, and sees to its limits of time and memory."""

import json
import os
import selectors
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import psutil
from pydantic import ValidationError

from cluster_ai.compute.tickets.nursery import Child
from cluster_ai.core.processes import how_it_ended
from cluster_ai.executors.contract import GRACE_SECONDS, Result

LONGEST: Final = 1024 * 1024
"""Bytes of one line; a longer one is cut off."""
PIECE: Final = 65_536
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
    """A wish that an attempt end, from any thread. Read by whoever tends the attempt; gone when the block ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._woken = -1
        self.fd = -1
        """Can be read once somebody has wished."""
        self.why = ""

    def __enter__(self) -> Self:
        self.fd, self._woken = os.pipe()
        return self

    def __exit__(self, *_exc: object) -> None:
        with self._lock:
            os.close(self.fd)
            os.close(self._woken)
            self.fd = self._woken = -1

    def ask(self, why: str) -> None:
        """``cancelled`` ends it in its grace, what is in ``AT_ONCE`` at once. Only the first wish counts."""
        with self._lock:
            if not self.why and self._woken >= 0:
                self.why = why
                os.write(self._woken, b".")


class Tending:
    """One child, looked after by the thread that calls ``to_the_end``."""

    def __init__(
        self, child: Child, said: Said, allowed: Allowed, stop: Stop, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._child = child
        self._said = said
        self._stop = stop
        self._allowed = allowed
        self._clock = clock
        self._end = clock() + allowed.seconds
        self._kill_at: float | None = None
        self._look_at = clock() + LOOK_SECONDS
        self._result: Result | None = None
        self._code: int | None = None
        self._over_at: float | None = None
        self.why = ""
        """Why it was stopped; empty when it was not."""

    def to_the_end(self) -> Result:
        """What came of it."""
        sources = selectors.DefaultSelector()
        with sources:
            sources.register(self._child.out, selectors.EVENT_READ, _Lines(self._heard))
            sources.register(self._child.err, selectors.EVENT_READ, _Lines(self._wrote))
            sources.register(self._child.told, selectors.EVENT_READ, _Lines(self._ended))
            sources.register(self._stop.fd, selectors.EVENT_READ, _Lines(lambda _line: None))
            try:
                while not self._is_over(sources):
                    self._round(sources)
            finally:
                self._child.signal(signal.SIGKILL)
                self._child.close()
        return self._settled()

    def _is_over(self, sources: selectors.BaseSelector) -> bool:
        left = {key.fd for key in sources.get_map().values()} - {self._stop.fd}
        if not left:
            return True
        return self._over_at is not None and self._clock() >= self._over_at

    def _round(self, sources: selectors.BaseSelector) -> None:
        for key, _ in sources.select(self._pause()):
            piece = os.read(key.fd, PIECE)
            key.data.take(piece)
            if not piece:
                sources.unregister(key.fd)
                if key.fd == self._child.told and self._over_at is None:
                    # Its keeper died with it.
                    self._over_at = self._clock() + DRAIN_SECONDS
        self._heed()

    def _pause(self) -> float:
        times = [self._end if not self.why else None, self._kill_at, self._over_at]
        if self._allowed.memory_bytes:
            times.append(self._look_at)
        known = [at for at in times if at is not None]
        return max(0.0, min(known) - self._clock()) if known else LOOK_SECONDS

    def _heed(self) -> None:
        now = self._clock()
        if self._stop.why and not self.why:
            self._stopped(self._stop.why)
        if not self.why and now >= self._end:
            self._stopped("timed_out")
        if self._allowed.memory_bytes and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            if not self.why and _memory(self._child.pid) > self._allowed.memory_bytes:
                self._stopped("memory_exceeded")
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._child.signal(signal.SIGKILL)

    def _stopped(self, why: str) -> None:
        self.why = why
        if why in AT_ONCE:
            self._child.signal(signal.SIGKILL)
            return
        self._child.signal(signal.SIGTERM)
        self._kill_at = self._clock() + self._allowed.grace_seconds

    def _heard(self, line: bytes) -> None:
        said = _object(line)
        if said is None:
            self._wrote(line)
        elif "result" in said:
            self._result = _result(said["result"])
        elif "log" in said:
            self._said.log(str(said["log"]))
        elif "progress" in said:
            share = said["progress"]
            self._said.progress(float(share) if isinstance(share, int | float) else None, str(said.get("note", "")))

    def _wrote(self, line: bytes) -> None:
        if line.strip():
            self._said.log(line.decode("utf-8", "replace"))

    def _ended(self, line: bytes) -> None:
        self._code = int(line)
        self._kill_at = None
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


class _Lines:
    """Cuts what is read into lines."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._left = b""
        self._skips = False

    def take(self, piece: bytes) -> None:
        """An empty piece is the end."""
        *lines, left = (self._left + piece).split(b"\n")
        if not piece and left:
            lines, left = [left], b""
        for line in lines:
            if not self._skips:
                self._take(line)
            self._skips = False
        if len(left) > LONGEST:
            if not self._skips:
                self._take(left[:LONGEST])
            self._skips, left = True, b""
        self._left = left


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
