"""Attempts on this worker, from their start to the report that the API has, or that lies on disk for it.

The order of things is the promise: the API says that an attempt may begin before anything is done; what came of one
that goes alone is told, or safe on disk, before Dask hears that the task is over.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import structlog

from cluster_ai.compute.tickets.batch import Batch
from cluster_ai.compute.tickets.doing import Attempt, Doer, Series, Stop, tidy
from cluster_ai.compute.tickets.folders import KEPT_SECONDS, claimed, folder_name, sweep
from cluster_ai.compute.tickets.line import ApiAway
from cluster_ai.compute.tickets.posting import pauses
from cluster_ai.compute.tickets.telling import Outcome, Teller
from cluster_ai.compute.tickets.words import Errand
from cluster_ai.core.errors import ClusterError

__all__ = ["Outcome", "Runner"]
log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class Runner:
    """The attempts of one worker. Any thread may call."""

    folder: Path
    doer: Doer
    teller: Teller
    life: str
    """Tells this process from the next of its name."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _running: dict[str, tuple[Errand, Stop]] = field(default_factory=dict)
    """By key of the attempt."""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def open(self) -> None:
        """Sends what an earlier life left, and forgets what nobody came back for."""
        sweep(self.folder, time.time() - KEPT_SECONDS)
        self.teller.open()

    def close(self, seconds: float = 0.0) -> None:
        """Ends what runs, for nothing here outlives its worker; its reports get so many seconds."""
        with self._changed:
            running = [stop for _, stop in self._running.values()]
        for stop in running:
            stop.ask("worker_stopped")
        self.wait_idle(seconds)
        self.doer.nursery.close()
        self.teller.close()

    def run(self, errand: Errand) -> Outcome:
        """To its end; blocks. Never raises for what the attempt does."""
        base = self.folder / folder_name(errand.ticket_id)
        with self._known([errand]) as stops, claimed(base, errand.attempt) as at:
            if at is None:
                log.info("this attempt is at work here already", ticket=errand.ticket_id, attempt=errand.attempt)
                return Outcome.AWAY
            if at.folder != base:
                log.info("an older attempt still has the ticket's folder", ticket=errand.ticket_id)
            begun = self._asked([errand], lambda: self.doer.office.start(errand, self.life))
            if isinstance(begun, Outcome):
                tidy(at.folder)
                return begun
            with Series(self.doer.nursery) as series:
                ended = self.doer.do(Attempt(errand, begun, at, stops[errand.key]), series)
            if ended is None:
                return Outcome.REFUSED
            told = self.teller.tell(ended.report, ended.token)
            if ended.ok:
                tidy(at.folder)
            return told

    def run_batch(self, errands: Sequence[Errand]) -> Outcome:
        """One after the other, to the end of the last; blocks. Reports may be on their way yet."""
        with self._known(errands) as stops:
            begun = self._asked(errands, lambda: self.doer.office.start_many(errands, self.life))
            if isinstance(begun, Outcome):
                return begun
            Batch(self.folder, self.doer, self.teller.post, begun, stops, self.clock).run(errands)
            return Outcome.TOLD

    def end(self, ticket_id: str) -> bool:
        """Ends a ticket's attempt; whether it was here."""
        with self._changed:
            found = [stop for errand, stop in self._running.values() if errand.ticket_id == ticket_id]
        for stop in found:
            stop.ask("cancelled")
        return bool(found)

    def busy(self) -> int:
        """How many attempts are here."""
        with self._changed:
            return len(self._running)

    def wait_idle(self, seconds: float) -> bool:
        """Waits until no attempt is here any more, and no report on its way; whether that came in time."""
        end = self.clock() + seconds
        with self._changed:
            is_idle = self._changed.wait_for(lambda: not self._running, seconds)
        return is_idle and self.teller.post.wait(max(0.0, end - self.clock()))

    # -- inside

    @contextmanager
    def _known(self, errands: Sequence[Errand]) -> Iterator[dict[str, Stop]]:
        stops = {errand.key: Stop() for errand in errands}
        with self._changed:
            self._running |= {errand.key: (errand, stops[errand.key]) for errand in errands}
        try:
            yield stops
        finally:
            with self._changed:
                for key in stops:
                    self._running.pop(key, None)
                self._changed.notify_all()

    def _asked(self, errands: Sequence[Errand], ask: Callable[[], T]) -> T | Outcome:
        """Asks again while the API is away, for as long as the leases may last: nothing was done yet."""
        end = self.clock() + min(errand.lease_seconds for errand in errands)
        first = errands[0]
        for pause in pauses():
            try:
                return ask()
            except ApiAway as exc:
                if self.clock() + pause >= end:
                    log.warning("nobody says whether a ticket may begin", ticket=first.ticket_id, reason=exc.message)
                    return Outcome.AWAY
            except ClusterError as exc:
                log.info("an attempt may not begin", ticket=first.ticket_id, attempt=first.attempt, code=exc.code)
                return Outcome.REFUSED
            self.sleep(pause)
        raise AssertionError("pauses have no end")
