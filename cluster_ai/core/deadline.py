"""An end to what a task waits for, cheap enough to stand around every request and every chunk of a stream."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from cluster_ai.core.alarm import Alarm


class Deadline:
    """Ends what a task awaits in a ``with`` when its time is over; the block then raises ``TimeoutError``.

    May be used again and again, and by one task after another, but by one at a time; ``asyncio.timeout`` makes a timer
    for each block instead. ``close`` it in the end.

    Usage::

        deadline = Deadline()
        with deadline.of(seconds):
            await something
    """

    __slots__ = ("_alarm", "_cancelled_before", "_has_passed", "_task", "grace")

    def __init__(self) -> None:
        self._alarm = Alarm(self._ring)
        self.grace: Callable[[], float] | None = None
        """Asked once, when time is over: seconds more, or 0."""
        self._task: asyncio.Task[object] | None = None
        self._cancelled_before = 0
        self._has_passed = False

    def of(self, seconds: float) -> Self:
        """The next block may take so long, from now on."""
        self._alarm.set(seconds)
        return self

    def move(self, until: float) -> None:
        """What is awaited may take until then, by the loop's time; nothing, while nothing is to be ended.

        Between ``rest`` and ``of`` its task may be anywhere, even where no block of this would hear that it is ended.
        """
        if self._alarm.is_set:
            self._alarm.set_at(until)

    def rest(self) -> None:
        """Inside a block: nothing is ended until the next ``of``, whatever ``move`` says."""
        self._alarm.clear()

    def close(self) -> None:
        """It is used no more."""
        self._alarm.close()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None, "only a task can be ended"
        self._task, self._cancelled_before = task, task.cancelling()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._alarm.clear()
        task, self._task = self._task, None
        if not self._has_passed or task is None:
            return
        self._has_passed = False
        # Somebody else may end the task as well: that is not ours to hide.
        if task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _ring(self) -> None:
        if self._task is None or self._has_passed:
            return
        grace, self.grace = self.grace, None
        if grace is not None and (more := grace()) > 0:
            self._alarm.set(more)
            return
        self._has_passed = True
        self._task.cancel()
