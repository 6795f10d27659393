"""Several brief attempts in one slot: begun with one question, done one after the other, told together.

All of one plan and one kind, so that what one leaves in their process is its own owner's; and all may be done again,
so that what is lost with this worker is done by the next.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from cluster_ai.compute.tickets.doing import Attempt, Doer, Ended, Series, Stop, tidy
from cluster_ai.compute.tickets.folders import claimed, folder_name
from cluster_ai.compute.tickets.office import Begun, handed_back, report_of
from cluster_ai.compute.tickets.posting import Post
from cluster_ai.compute.tickets.tending import not_begun
from cluster_ai.compute.tickets.voice import BEATS
from cluster_ai.compute.tickets.words import Errand
from cluster_ai.executors.contract import Result

log = structlog.get_logger(__name__)
LONG_SECONDS: Final = 2.0
"""An attempt that takes longer was not brief: those behind it go elsewhere."""


@dataclass(slots=True)
class Batch:
    """For the thread that does it. ``begun`` and ``stops`` by key of the attempt."""

    folder: Path
    doer: Doer
    post: Post
    begun: Mapping[str, Begun]
    stops: Mapping[str, Stop]
    clock: Callable[[], float] = time.monotonic
    _waiting: deque[Errand] = field(default_factory=deque)

    def run(self, errands: Sequence[Errand]) -> None:
        """To the end of the last; reports are on their way then."""
        self._waiting.extend(one for one in errands if one.key in self.begun)
        # Nobody says of those that wait that they live.
        end = self.clock() + min((one.lease_seconds for one in self.begun.values()), default=0.0) / BEATS
        try:
            with Series(self.doer.nursery) as series:
                while self._waiting and self.clock() < end:
                    if self.stops[self._waiting[0].key].why == "worker_stopped":
                        break
                    self._do(self._waiting.popleft(), series)
        finally:
            self._hand_back()

    def _do(self, errand: Errand, series: Series) -> None:
        try:
            ended = self._ended(errand, series)
        except OSError as exc:
            error = Result(ok=False, code="worker_disk", error=f"the worker's disk: {exc}")
            ended = Ended(report_of(errand, error, 0.0), self._token(errand), ok=False)
        if ended is not None:
            self.post.put(ended.report, ended.token)

    def _ended(self, errand: Errand, series: Series) -> Ended | None:
        begun = self.begun[errand.key]
        with claimed(self.folder / folder_name(errand.ticket_id), errand.attempt) as at:
            if at is None:
                log.info("this attempt is at work here already", ticket=errand.ticket_id, attempt=errand.attempt)
                return None
            attempt = Attempt(errand, begun, at, self.stops[errand.key])
            began = self.clock()
            is_long = (LONG_SECONDS, lambda: self._hand_back(self.clock() - began))
            ended = self.doer.do(attempt, series, (is_long,))
            if ended is not None and ended.ok:
                tidy(at.folder)
            return ended

    def _hand_back(self, seconds: float | None = None) -> None:
        """What waits is somebody else's: nothing of it was done. ``seconds``: of the one that it waited for."""
        while self._waiting:
            errand = self._waiting.popleft()
            token = self._token(errand)
            if self.stops[errand.key].why == "cancelled":
                self.post.put(report_of(errand, not_begun("cancelled"), 0.0), token)
            else:
                self.post.put(handed_back(errand, seconds), token)
        self.post.flush()

    def _token(self, errand: Errand) -> str:
        return self.begun[errand.key].token or errand.token
