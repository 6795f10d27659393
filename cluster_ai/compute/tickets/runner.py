"""One attempt on this worker, from its start to the report that the API has, or that lies on disk for it.

The order of things is the promise: the API says that the attempt may begin before anything is done; what came of it is
told, or safe on disk, before Dask hears that the task is over.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from cluster_ai.compute.tickets.line import ApiAway
from cluster_ai.compute.tickets.nursery import NoChild, Nursery
from cluster_ai.compute.tickets.office import Begun, Office, Report, report_of
from cluster_ai.compute.tickets.spool import Resender, Spool
from cluster_ai.compute.tickets.tending import Allowed, Stop, Tending
from cluster_ai.compute.tickets.voice import Voice
from cluster_ai.compute.tickets.words import Errand
from cluster_ai.core.errors import ClusterError, Unauthenticated
from cluster_ai.core.paths import PRIVATE_DIR, PRIVATE_FILE
from cluster_ai.executors.contract import GRACE_SECONDS, Order, Result

log = structlog.get_logger(__name__)
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 3.0
REPORT_SECONDS: Final = 60.0
"""The API gets so long to take a report before it is left on disk."""
ORDER: Final = "order.json"
KEPT_SECONDS: Final = 7 * 86_400.0
"""Folders of tickets: checkpoints for the next attempt, artefacts for people."""


class Outcome(StrEnum):
    """What Dask is told; nobody relies on it."""

    TOLD = "told"
    SPOOLED = "spooled"
    REFUSED = "refused"
    """The attempt did not count, or not any more."""
    AWAY = "away"
    """The API did not say whether it may begin: nothing was done."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a worker gives its tickets. ``memory_bytes``: of one attempt without a limit of its own; 0: no limit."""

    folder: Path
    life: str
    """Tells this process from the next of its name."""
    memory_bytes: int = 0
    report_seconds: float = REPORT_SECONDS
    grace_seconds: float = GRACE_SECONDS


@dataclass(slots=True)
class Runner:
    """The attempts of one worker. Any thread may call."""

    office: Office
    nursery: Nursery
    ground: Ground
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _running: dict[tuple[str, int], Stop] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _spool: Spool = field(init=False)
    _resender: Resender = field(init=False)

    def __post_init__(self) -> None:
        self._spool = Spool(self.ground.folder / "reports")
        self._resender = Resender(self._spool, self.office)

    def open(self) -> None:
        """Sends what an earlier life left, and forgets what nobody came back for."""
        sweep(self.ground.folder, time.time() - KEPT_SECONDS)
        self._resender.start()

    def close(self, seconds: float = 0.0) -> None:
        """Ends what runs, for nothing here outlives its worker; its reports get so many seconds."""
        with self._changed:
            running = list(self._running.values())
        for stop in running:
            stop.ask("worker_stopped")
        self.wait_idle(seconds)
        self.nursery.close()
        self._resender.close()

    def run(self, errand: Errand) -> Outcome:
        """To its end; blocks. Never raises for what the attempt does."""
        with self._known(errand) as stop:
            begun = self._begun(errand)
            if isinstance(begun, Outcome):
                return begun
            folder = self.ground.folder / _name(errand.ticket_id)
            token = begun.token or errand.token
            try:
                with _ordered(folder, begun.order):
                    result, token = self._done(errand, begun, folder, stop)
            except OSError as exc:
                result = Result(ok=False, code="worker_disk", error=f"the worker's disk: {exc}")
            if result.code == "stale":
                return Outcome.REFUSED
            told = self._told(report_of(errand, result), token)
            if result.ok:
                _tidy(folder)
            return told

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
        for pause in _pauses():
            try:
                return self.office.start(errand, self.ground.life)
            except ApiAway as exc:
                if self.clock() + pause >= end:
                    log.warning("nobody says whether a ticket may begin", ticket=errand.ticket_id, reason=exc.message)
                    return Outcome.AWAY
            except ClusterError as exc:
                log.info("an attempt may not begin", ticket=errand.ticket_id, attempt=errand.attempt, code=exc.code)
                return Outcome.REFUSED
            self.sleep(pause)
        raise AssertionError("pauses have no end")

    def _done(self, errand: Errand, begun: Begun, folder: Path, stop: Stop) -> tuple[Result, str]:
        """What came of it, and the token that counts last."""
        try:
            child = self.nursery.start(folder)
        except NoChild as exc:
            return Result(ok=False, code=exc.code, error=exc.message), begun.token or errand.token
        limits = begun.order.limits
        allowed = Allowed(limits.seconds, limits.memory_bytes or self.ground.memory_bytes, self.ground.grace_seconds)
        with Voice(errand, begun, self.office, stop.ask) as voice:
            result = Tending(child, voice, allowed, stop).to_the_end()
        return result, voice.token

    def _told(self, report: Report, token: str) -> Outcome:
        end = self.clock() + self.ground.report_seconds
        for pause in _pauses():
            try:
                self.office.report(report, token)
            except ApiAway as exc:
                if self.clock() + pause >= end:
                    log.warning("a report waits on disk", ticket=report.ticket_id, reason=exc.message)
                    return self._left(report, token)
            except Unauthenticated:
                return self._left(report, token)
            except ClusterError as exc:
                log.info("a report was refused", ticket=report.ticket_id, attempt=report.attempt, code=exc.code)
                return Outcome.REFUSED
            else:
                return Outcome.TOLD
            self.sleep(pause)
        raise AssertionError("pauses have no end")

    def _left(self, report: Report, token: str) -> Outcome:
        try:
            self._spool.put(report, token)
        except OSError as exc:
            log.warning("a report is lost: it can neither be sent nor stored", ticket=report.ticket_id, reason=str(exc))
            return Outcome.AWAY
        self._resender.wake()
        return Outcome.SPOOLED


def sweep(folder: Path, before: float) -> None:
    """Removes what nothing has changed since ``before``, in Unix seconds."""
    try:
        found = [path for path in folder.iterdir() if path.is_dir() and path.name != "reports"]
    except FileNotFoundError:
        return
    for path in found:
        if path.stat().st_mtime < before:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _ordered(folder: Path, order: Order) -> Iterator[None]:
    """The folder with the order in it; the order holds a key, so that it goes with the attempt."""
    folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    path = folder / ORDER
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "w") as file:
        json.dump(order.model_dump(mode="json"), file)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Removes the folder of what is done when nothing lies in it but folders."""
    if not any(path.is_file() or path.is_symlink() for path in folder.rglob("*")):
        shutil.rmtree(folder, ignore_errors=True)


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(LONGEST_PAUSE, pause * 2)


def _name(ticket_id: str) -> str:
    """Of its folder: what came over the wire names no place outside."""
    if not ticket_id.replace("-", "").isalnum():
        raise ValueError(f"{ticket_id[:64]!r} is no id of a ticket")
    return ticket_id
