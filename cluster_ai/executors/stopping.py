"""The wish that an attempt ends, as it comes in by a signal."""

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from cluster_ai.executors.failures import Cancelled

T = TypeVar("T")
_GLANCE = 0.05


class _Interrupted(BaseException):
    """Nobody's ``except Exception`` is meant to take it."""


class Stop:
    """Whether the attempt must end. Set from a signal handler, watched by any thread.

    A pipe and not a ``threading.Event``: the handler runs in the main thread, which may be inside of the event's own
    lock at that moment.
    """

    def __init__(self) -> None:
        self._seen, self._said = os.pipe()
        os.set_blocking(self._said, False)
        self.asked = False
        self._interrupts = False

    def ask(self, *_signal: Any) -> None:
        """May be called in a signal handler, and twice."""
        if not self.asked:
            self.asked = True
            os.write(self._said, b"x")
            if self._interrupts:
                raise _Interrupted

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Inside the block the wish ends whatever the main thread does, as soon as that is Python again.

        Raises:
            Cancelled: it was asked.
        """
        self._interrupts = True
        try:
            self.check()
            yield
        except _Interrupted:
            raise Cancelled from None
        finally:
            self._interrupts = False

    def fileno(self) -> int:
        """Can be read when it was asked."""
        return self._seen

    def wait(self, seconds: float) -> bool:
        """Whether it was asked within ``seconds``."""
        if not self.asked:
            select.select([self._seen], [], [], max(0.0, seconds))
        return self.asked

    def check(self) -> None:
        """Raises ``Cancelled`` when it was asked."""
        if self.asked:
            raise Cancelled

    def during(self, work: Callable[[], T]) -> T:
        """What ``work`` answers or raises, from a thread that is left alone when the end is asked for.

        Raises:
            Cancelled: the end was asked for before ``work`` was done.
        """
        done: list[T] = []
        wrong: list[BaseException] = []

        def run() -> None:
            try:
                done.append(work())
            except BaseException as exc:  # noqa: BLE001 - it is raised again in the thread that waits
                wrong.append(exc)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        while thread.is_alive():
            self.check()
            thread.join(_GLANCE)
        if wrong:
            raise wrong[0]
        return done[0]

    def close(self) -> None:
        os.close(self._seen)
        os.close(self._said)
