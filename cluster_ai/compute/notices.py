"""What happened in Dask that somebody may want to know, in numbers that do not grow with the work.

A failing job may have a million tasks: they make one notice a while, with a count. Whoever asks gets the latest
notices; the number of each says which they have seen already.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.metrics import time as dask_time

KEPT: Final = 16
ERRED_SECONDS: Final = 10.0
"""Errors of tasks of one prefix make at most one notice in this time."""
MOST_PREFIXES: Final = 128
MOST_LEAVING: Final = 1024
LONGEST: Final = 200

LEAVING: Final = "closing-worker"
"""What a worker says of itself when it closes; Dask's own word."""
ADDED, LEFT, LOST, REFUSED, ERRED = "worker.added", "worker.left", "worker.lost", "worker.refused", "task.erred"
KINDS: Final = (ADDED, LEFT, LOST, REFUSED, ERRED)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened ``count`` times since the notice before of its kind and subject. ``at``: Unix seconds."""

    number: int
    at: float
    kind: str
    subject: str
    detail: str = ""
    count: int = 1


class Board:
    """The latest notices, and totals of all there ever were."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._latest: deque[Notice] = deque(maxlen=KEPT)
        self._number = 0
        self._erred: dict[str, tuple[float, int]] = {}
        """By prefix: when it was told last, and how many went untold since."""
        self.totals = dict.fromkeys(KINDS, 0)

    def put(self, kind: str, subject: str, detail: str = "") -> None:
        """Something that happens seldom: a notice of its own."""
        self.totals[kind] += 1
        self._append(kind, subject, detail, 1)

    def erred(self, prefix: str, detail: str) -> None:
        """A task of that prefix failed for good."""
        self.totals[ERRED] += 1
        now = self._now()
        told_at, untold = self._erred.get(prefix, (-ERRED_SECONDS, 0))
        if now - told_at < ERRED_SECONDS:
            self._erred[prefix] = (told_at, untold + 1)
            return
        # Kept in the order of their last notice, so that the one that goes is the one that was quiet longest.
        self._erred.pop(prefix, None)
        if len(self._erred) >= MOST_PREFIXES:
            self._erred.pop(next(iter(self._erred)))
        self._erred[prefix] = (now, 0)
        self._append(ERRED, prefix, detail, untold + 1)

    def latest(self) -> list[dict[str, Any]]:
        """Plain values, oldest first; what went untold is told as soon as its time has come."""
        now = self._now()
        for prefix, (told_at, untold) in list(self._erred.items()):
            if untold and now - told_at >= ERRED_SECONDS:
                self._erred[prefix] = (now, 0)
                self._append(ERRED, prefix, "", untold)
        return [asdict(notice) for notice in self._latest]

    def _append(self, kind: str, subject: str, detail: str, count: int) -> None:
        self._number += 1
        notice = Notice(self._number, self._now(), kind, subject[:LONGEST], detail[:LONGEST], count)
        self._latest.append(notice)


class Notices(SchedulerPlugin):
    """Watches workers come and go and tasks fail. A worker that says that it closes has left; any other was lost."""

    name = "cluster-ai-notices"

    def __init__(self) -> None:
        self.board = Board(dask_time)
        self._names: dict[str, str] = {}
        self._leaving: dict[str, bool] = {}
        self._scheduler: Any = None

    async def start(self, scheduler: Any) -> None:
        """Called by the scheduler before it answers anybody."""
        self._scheduler = scheduler

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """Called by the scheduler."""
        self._leaving.pop(worker, False)
        self._names[worker] = str(scheduler.workers[worker].name)
        self.board.put(ADDED, self._names[worker])

    def remove_worker(self, scheduler: Any, worker: str, *, stimulus_id: str, **_more: Any) -> None:  # noqa: ARG002 - the library's signature
        """Called by the scheduler."""
        name = self._names.pop(worker, worker)
        self.board.put(LEFT if self._leaving.pop(worker, False) else LOST, name)

    def log_event(self, topic: str, msg: Any) -> None:
        """Called by the scheduler with what workers tell of themselves."""
        if topic in self._names and isinstance(msg, dict) and msg.get("action") == LEAVING:
            self._leaving[topic] = True
            if len(self._leaving) > MOST_LEAVING:
                self._leaving.pop(next(iter(self._leaving)))

    def transition(self, key: Any, start: str, finish: str, *_args: Any, **kwargs: Any) -> None:
        """Called by the scheduler for every step of every task: whatever is no failure costs one comparison."""
        if finish == "erred" and start != "erred":
            task = self._scheduler.tasks.get(key)
            prefix = task.prefix.name if task is not None else str(key)[:64]
            # The kind of error alone: what stands in its brackets may be anybody's data.
            self.board.erred(prefix, str(kwargs.get("exception_text") or "").partition("(")[0])
