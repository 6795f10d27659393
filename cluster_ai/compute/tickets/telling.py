"""Reports reach the API, or lie on disk for it: nothing that was done is forgotten because nobody listened."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from cluster_ai.compute.tickets.line import ApiAway
from cluster_ai.compute.tickets.office import RETURN, Office, Report
from cluster_ai.compute.tickets.posting import Post, pauses
from cluster_ai.compute.tickets.spool import Resender, Spool
from cluster_ai.core.errors import ClusterError

log = structlog.get_logger(__name__)
REPORT_SECONDS: Final = 60.0
"""The API gets so long to take a report before it is left on disk."""


class Outcome(StrEnum):
    """What Dask is told; nobody relies on it."""

    TOLD = "told"
    SPOOLED = "spooled"
    REFUSED = "refused"
    """The attempt did not count, or not any more."""
    AWAY = "away"
    """The API did not say whether it may begin: nothing was done."""


@dataclass(slots=True)
class Teller:
    """Owns what waits on disk."""

    office: Office
    folder: Path
    seconds: float = REPORT_SECONDS
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _spool: Spool = field(init=False)
    _resender: Resender = field(init=False)
    post: Post = field(init=False)
    """For reports that nobody waits for."""

    def __post_init__(self) -> None:
        self._spool = Spool(self.folder)
        self._resender = Resender(self._spool, self.office)
        self.post = Post(self.office, self.tell, self._left, seconds=self.seconds)

    def open(self) -> None:
        """Sends what an earlier life left."""
        self._resender.start()

    def close(self) -> None:
        """What is on its way and was not taken yet is left on disk."""
        self.post.close()
        self._resender.close()

    def tell(self, report: Report, token: str) -> Outcome:
        """Returns when the API has it, or the disk."""
        end = self.clock() + self.seconds
        for pause in pauses():
            try:
                self.office.report(report, token)
            except ApiAway as exc:
                if self.clock() + pause >= end:
                    return self._left(report, token, exc.message)
            except ClusterError as exc:
                log.info("a report was refused", ticket=report.ticket_id, attempt=report.attempt, code=exc.code)
                return Outcome.REFUSED
            else:
                return Outcome.TOLD
            self.sleep(pause)
        raise AssertionError("pauses have no end")

    def _left(self, report: Report, token: str, reason: str) -> Outcome:
        if report.verb == RETURN:
            # Nothing was done: its lease says so in the end.
            return Outcome.AWAY
        log.warning("a report waits on disk", ticket=report.ticket_id, reason=reason)
        try:
            self._spool.put(report, token)
        except OSError as exc:
            log.warning("a report is lost: it can neither be sent nor stored", ticket=report.ticket_id, reason=str(exc))
            return Outcome.AWAY
        self._resender.wake()
        return Outcome.SPOOLED
