"""One attempt on this worker, from its start to the report that the API has, or that lies on disk for it.

The order of things is the promise: the API says that the attempt may begin before anything is done; what came of it is
told, or safe on disk, before Dask hears that the task is over.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from cluster_ai.compute.tickets.doing import Doer, Stop
from cluster_ai.compute.tickets.folders import KEPT_SECONDS, Places, claimed, folder_name, ordered, sweep, tidy
from cluster_ai.compute.tickets.line import ApiAway
from cluster_ai.compute.tickets.office import Begun, report_of
from cluster_ai.compute.tickets.telling import Outcome, Teller, pauses
from cluster_ai.compute.tickets.words import Errand
from cluster_ai.core.errors import ClusterError
from cluster_ai.executors.contract import Result

__all__ = ["Outcome", "Runner"]
log = structlog.get_logger(__name__)


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
    _running: dict[tuple[str, int], Stop] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def open(self) -> None:
        """Sends what an earlier life left, and forgets what nobody came back for."""
        sweep(self.folder, time.time() - KEPT_SECONDS)
        self.teller.open()

    def close(self, seconds: float = 0.0) -> None:
        """Ends what runs, for nothing here outlives its worker; its reports get so many seconds."""
        with self._changed:
            running = list(self._running.values())
        for stop in running:
            stop.ask("worker_stopped")
        self.wait_idle(seconds)
        self.doer.nursery.close()
        self.teller.close()

    def run(self, errand: Errand) -> Outcome:
        """To its end; blocks. Never raises for what the attempt does."""
        base = self.folder / folder_name(errand.ticket_id)
        with self._known(errand) as stop, claimed(base, errand.attempt) as at:
            if at is None:
                log.info("this attempt is at work here already", ticket=errand.ticket_id, attempt=errand.attempt)
                return Outcome.AWAY
            if at.folder != base:
                log.info("an older attempt still has the ticket's folder", ticket=errand.ticket_id)
            begun = self._begun(errand)
            if isinstance(begun, Outcome):
                tidy(at.folder)
                return begun
            return self._to_the_end(errand, begun, at, stop)

    def end(self, ticket_id: str) -> bool:
        """Ends a ticket's attempt; whether it was here."""
        with self._changed:
            found = [stop for (ticket, _), stop in self._running.items() if ticket == ticket_id]
        for stop in found:
            stop.ask("cancelled")
        return bool(found)

    def busy(self) -> int:
        """How many attempts are here."""
        with self._changed:
            return len(self._running)

    def wait_idle(self, seconds: float) -> bool:
        """Waits until no attempt is here any more; whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    # -- one attempt

    @contextmanager
    def _known(self, errand: Errand) -> Iterator[Stop]:
        key = (errand.ticket_id, errand.attempt)
        with Stop() as stop:
            with self._changed:
                self._running[key] = stop
            try:
                yield stop
            finally:
                with self._changed:
                    self._running.pop(key, None)
                    self._changed.notify_all()

    def _begun(self, errand: Errand) -> Begun | Outcome:
        """Asks again while the API is away, for as long as the lease may last: nothing was done yet."""
        end = self.clock() + errand.lease_seconds
        for pause in pauses():
            try:
                return self.doer.office.start(errand, self.life)
            except ApiAway as exc:
                if self.clock() + pause >= end:
                    log.warning("nobody says whether a ticket may begin", ticket=errand.ticket_id, reason=exc.message)
                    return Outcome.AWAY
            except ClusterError as exc:
                log.info("an attempt may not begin", ticket=errand.ticket_id, attempt=errand.attempt, code=exc.code)
                return Outcome.REFUSED
            self.sleep(pause)
        raise AssertionError("pauses have no end")

    def _to_the_end(self, errand: Errand, begun: Begun, at: Places, stop: Stop) -> Outcome:
        token = begun.token or errand.token
        try:
            with ordered(at.folder, begun.order, base=at.base):
                result, token = self.doer.do(errand, begun, at.folder, stop)
            if result.ok:
                # Before anybody hears of it: what follows reads its artefacts at once.
                at.keep_result()
        except FileExistsError:
            # Dask brings a task again whose worker died with it; what became of the attempt its lease decides.
            log.info("an attempt was begun before", ticket=errand.ticket_id, attempt=errand.attempt)
            return Outcome.REFUSED
        except OSError as exc:
            result = Result(ok=False, code="worker_disk", error=f"the worker's disk: {exc}")
        if result.code == "stale":
            return Outcome.REFUSED
        told = self.teller.tell(report_of(errand, result), token)
        if result.ok:
            tidy(at.folder)
        return told
