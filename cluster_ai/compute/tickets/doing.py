"""The work of one attempt that may begin: its order, what it says meanwhile, and what came of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from cluster_ai.compute.tickets.folders import Places, keep_report, ordered, tidy
from cluster_ai.compute.tickets.nursery import NoChild, Nursery
from cluster_ai.compute.tickets.office import Begun, Office, Report, report_of
from cluster_ai.compute.tickets.series import Series
from cluster_ai.compute.tickets.tending import Alarm, Allowed, Care, Stop, not_begun
from cluster_ai.compute.tickets.voice import Ears, Voice
from cluster_ai.compute.tickets.words import Errand
from cluster_ai.executors.contract import GRACE_SECONDS, Result

__all__ = ["Attempt", "Doer", "Ended", "Nursery", "Series", "Stop", "tidy"]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One that may begin, and where."""

    errand: Errand
    begun: Begun
    at: Places
    stop: Stop


@dataclass(frozen=True, slots=True)
class Ended:
    """What is to be told of an attempt, and the token that counts last."""

    report: Report
    token: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Doer:
    """``memory_bytes``: of an attempt without a limit of its own; 0: none."""

    office: Office
    nursery: Nursery
    memory_bytes: int = 0
    grace_seconds: float = GRACE_SECONDS

    def do(self, attempt: Attempt, series: Series, alarms: Sequence[Alarm] = ()) -> Ended | None:
        """To its end; None when nobody is to be told. Never raises for what the attempt does."""
        errand, at = attempt.errand, attempt.at
        began, token = time.monotonic(), attempt.begun.token or errand.token
        try:
            with ordered(at.folder, attempt.begun.order, base=at.base):
                result, token = self._done(attempt, series, alarms)
            if result.ok:
                # Before anybody hears of it: what follows reads its artefacts at once.
                at.keep_result()
        except FileExistsError:
            # Dask brings a task again whose worker died with it; what became of the attempt its lease decides.
            log.info("an attempt was begun before", ticket=errand.ticket_id, attempt=errand.attempt)
            return None
        except OSError as exc:
            result = Result(ok=False, code="worker_disk", error=f"the worker's disk: {exc}")
        if result.code == "stale":
            return None
        seconds = time.monotonic() - max(began, series.given_at)
        return Ended(report_of(errand, result, seconds), token, result.ok)

    def _done(self, attempt: Attempt, series: Series, alarms: Sequence[Alarm]) -> tuple[Result, str]:
        """What came of it, and the token that counts last."""
        errand, begun, folder = attempt.errand, attempt.begun, attempt.at.folder
        if why := "cancelled" if begun.cancel else attempt.stop.why:
            return not_begun(why), begun.token or errand.token
        keep_report(folder, begun.report)
        limits = begun.order.limits
        allowed = Allowed(limits.seconds, limits.memory_bytes or self.memory_bytes, self.grace_seconds)
        ears = Ears(attempt.stop.ask, lambda report: keep_report(folder, report))
        with Voice(errand, begun, self.office, ears) as voice:
            at = sorted(((voice.silence, voice.speak_up), *alarms), key=lambda alarm: alarm[0])
            try:
                result = series.do(folder, Care(voice, allowed, attempt.stop, at))
            except NoChild as exc:
                result = Result(ok=False, code=exc.code, error=exc.message)
        return result, voice.token
