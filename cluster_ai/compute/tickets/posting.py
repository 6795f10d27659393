"""Reports that nobody waits for, sent together by a thread of their own: a slot is free before its last one is taken.

What is neither sent nor on disk when this process dies is as an attempt that was lost, and its ticket is done again.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from cluster_ai.compute.tickets.line import ApiAway
from cluster_ai.compute.tickets.office import Office, Report
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.wire import dump_json

log = structlog.get_logger(__name__)
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 3.0
REST_SECONDS: Final = 0.05
"""Between two sendings, unless a batch has ended."""
MOST: Final = 64
MOST_BYTES: Final = 512 * 1024
"""Of one sending: the API takes a body of 1 MiB by default, and one report may have 64 KiB and a list of files."""
CLOSE_SECONDS: Final = 2.0
Item = tuple[Report, str, float]
"""With its token, and when it is to be on disk if nobody has taken it."""


class Post:
    """Any thread may put.

    Args:
        office: who is told.
        alone: tells it of one report, when several together are refused; blocks.
        left: keeps one that nobody took; the third argument says why.
        seconds: in which a report is taken, or left.
    """

    def __init__(
        self,
        office: Office,
        alone: Callable[[Report, str], object],
        left: Callable[[Report, str, str], object],
        *,
        seconds: float,
    ) -> None:
        self._office = office
        self._alone = alone
        self._left = left
        self._seconds = seconds
        self._changed = threading.Condition()
        self._waiting: deque[Item] = deque()
        self._sending = 0
        self._sent_at = 0.0
        self._is_urgent = False
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def put(self, report: Report, token: str) -> None:
        """It is sent soon, with others."""
        with self._changed:
            if self._is_closed:
                self._left(report, token, "the worker is closed")
                return
            self._waiting.append((report, token, time.monotonic() + self._seconds))
            self._start()
            self._changed.notify_all()

    def flush(self) -> None:
        """What waits is sent at once."""
        with self._changed:
            self._is_urgent = bool(self._waiting)
            if self._waiting:
                self._start()
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Until all is taken, or left; whether that came in time."""
        self.flush()
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._sending, seconds)

    def close(self) -> None:
        """Gives the API one more moment."""
        self.wait(CLOSE_SECONDS)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        for report, token, _ in self._waiting:
            # There was no thread to be had.
            self._left(report, token, "the worker is closed")

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._run, name="reports", daemon=True)
        try:
            thread.start()
        except RuntimeError as exc:
            # The machine has none left just now. What waits is kept, and the next report tries again.
            log.warning("reports cannot be sent yet", count=len(self._waiting), reason=str(exc))
            return
        self._thread = thread

    # -- the thread's

    def _run(self) -> None:
        while some := self._taken():
            self._send(some)
            with self._changed:
                self._sending, self._sent_at = 0, time.monotonic()
                self._changed.notify_all()

    def _taken(self) -> list[Item]:
        """The next that go together; none when it is closed, and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            rest = self._sent_at + REST_SECONDS - time.monotonic()
            self._changed.wait_for(lambda: self._is_urgent or self._is_closed or len(self._waiting) >= MOST, rest)
            some: list[Item] = []
            size = 0
            while self._waiting and len(some) < MOST and size < MOST_BYTES:
                some.append(self._waiting.popleft())
                size += len(dump_json(some[-1][0].body))
            self._sending = len(some)
            self._is_urgent = self._is_urgent and bool(self._waiting)
            return some

    def _send(self, some: list[Item]) -> None:
        end = min(until for _, _, until in some)
        for pause in pauses():
            try:
                self._office.report_many([(report, token) for report, token, _ in some])
            except ApiAway as exc:
                if self._is_closed or time.monotonic() + pause >= end:
                    for report, token, _ in some:
                        self._left(report, token, exc.message)
                    return
            except ClusterError as exc:
                # Too large together, perhaps: what is wrong with one must not be that of all.
                log.warning("reports are sent one by one", count=len(some), code=exc.code, reason=exc.message)
                for report, token, _ in some:
                    self._alone(report, token)
                return
            else:
                return
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed, pause)
        raise AssertionError("pauses have no end")


def pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(LONGEST_PAUSE, pause * 2)
