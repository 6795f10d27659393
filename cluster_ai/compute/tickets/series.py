"""Orders one after the other in one child; in a new one when that has ended, or is not to be used again."""

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from cluster_ai.compute.tickets.nursery import NoChild, Nursery
from cluster_ai.compute.tickets.pipes import Pipes
from cluster_ai.compute.tickets.tending import Care, Tending
from cluster_ai.executors.contract import Result


class Series:
    """For the thread of one batch, or of a single attempt. Nothing of it is left when the block ends."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._pipes: Pipes | None = None
        self.given_at = 0.0
        """When the last order was given: to start the process that does it is no part of what the order takes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._end()

    def do(self, folder: Path, care: Care) -> Result:
        """What came of the order in ``folder``.

        Raises:
            NoChild: the machine does not give one.
        """
        if self._pipes is not None:
            # It may have ended, or have been ended, while it had no order.
            with suppress(BrokenPipeError):
                return self._done(self._pipes, folder, care)
        self._pipes = self._begun()
        try:
            return self._done(self._pipes, folder, care)
        except BrokenPipeError as exc:
            raise NoChild("a process that was started ended at once") from exc

    def _begun(self) -> Pipes:
        child = self._nursery.start()
        try:
            return Pipes(child)
        except OSError:
            # It would wait for an order as long as this worker lives.
            child.signal(signal.SIGKILL)
            child.close()
            raise

    def _done(self, pipes: Pipes, folder: Path, care: Care) -> Result:
        self.given_at = time.monotonic()
        tending = Tending(pipes, care)
        try:
            return tending.to_the_end(folder)
        finally:
            if tending.is_last:
                self._end()

    def _end(self) -> None:
        if self._pipes is not None:
            self._pipes.child.signal(signal.SIGKILL)
            self._pipes.close()
            self._pipes = None
