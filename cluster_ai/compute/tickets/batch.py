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

from cluster_ai.compute.tickets.doing import Attempt, Doer, Series, Stop, tidy
from cluster_ai.compute.tickets.folders import claimed, folder_name
from cluster_ai.compute.tickets.office import Begun, handed_back, report_of
from cluster_ai.compute.tickets.posting import Post
from cluster_ai.compute.tickets.tending import not_begun
from cluster_ai.compute.tickets.voice import BEATS
from cluster_ai.compute.tickets.words import Errand

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
        with Series(self.doer.nursery) as series:
            while self._waiting:
                if self.clock() >= end or self.stops[self._waiting[0].key].why == "worker_stopped":
                    self._hand_back()
                    break
                self._do(self._waiting.popleft(), series)
        self.post.flush()

    def _do(self, errand: Errand, series: Series) -> None:
        begun = self.begun[errand.key]
        with claimed(self.folder / folder_name(errand.ticket_id), errand.attempt) as at:
            if at is None:
                log.info("this attempt is at work here already", ticket=errand.ticket_id, attempt=errand.attempt)
                return
            attempt = Attempt(errand, begun, at, self.stops[errand.key])
            ended = self.doer.do(attempt, series, ((LONG_SECONDS, self._hand_back),))
            if ended is not None and ended.ok:
                tidy(at.folder)
        if ended is not None:
            self.post.put(ended.report, ended.token)

    def _hand_back(self) -> None:
        """What waits is somebody else's: nothing of it was done."""
        while self._waiting:
            errand = self._waiting.popleft()
            token = self.begun[errand.key].token or errand.token
            if self.stops[errand.key].why == "cancelled":
                self.post.put(report_of(errand, not_begun("cancelled"), 0.0), token)
            else:
                self.post.put(handed_back(errand), token)
        self.post.flush()
