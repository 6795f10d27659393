"""What our scheduler has beside Dask's own."""

from typing import Any, Final

from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.metrics import time as dask_time

from cluster_ai.compute.admission import Admission
from cluster_ai.compute.desk import Desk
from cluster_ai.compute.liveness import Liveness
from cluster_ai.compute.notices import Notices
from cluster_ai.compute.places import Seat
from cluster_ai.compute.resting import Resting
from cluster_ai.compute.tickets.desk import TicketDesk
from cluster_ai.compute.totals import TaskTotals

OPERATION: Final = "cluster_ai_account"
"""Name under which the scheduler answers ``Account.view``."""


class Account(SchedulerPlugin):
    """Teaches the scheduler to say what happened and who was refused, and to hear who rests."""

    name = "cluster-ai-account"

    def __init__(self, notices: Notices, admission: Admission, resting: Resting) -> None:
        self._notices = notices
        self._admission = admission
        self._resting = resting
        self._started_at = dask_time()

    async def start(self, scheduler: Any) -> None:
        """Called by the scheduler before it answers anybody."""
        scheduler.handlers[OPERATION] = self.view

    def view(self, resting: Any = None) -> dict[str, Any]:
        """Plain values. ``started_at`` tells this life from others, whose notices had other numbers.

        Args:
            resting: names of all machines that get no new tasks; None: as it was.
        """
        if isinstance(resting, list | tuple):
            self._resting.rest(resting)
        board = self._notices.board
        return {
            "started_at": self._started_at,
            "notices": board.latest(),
            "happened": dict(board.totals),
            "refused": self._admission.view(),
        }


def plugins(seat: Seat) -> list[SchedulerPlugin]:
    """All of them, for a scheduler at ``seat``."""
    notices = Notices()
    admission = Admission(seat.environment, notices.board.put)
    resting = Resting()
    desk = Desk(seat.jobs or seat.scratch / "jobs")
    account = Account(notices, admission, resting)
    return [Liveness(), TaskTotals(), notices, admission, resting, account, desk, TicketDesk()]
