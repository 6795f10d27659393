"""The sandbox as executors use it: one call, whatever this machine has."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from cluster_ai.executors.contract import Limits
from cluster_ai.executors.sandbox.bare import BARE
from cluster_ai.executors.sandbox.ladder import Ladder
from cluster_ai.executors.sandbox.reach import doorman
from cluster_ai.executors.sandbox.running import run
from cluster_ai.executors.sandbox.types import Bounds, Ended, Job, Line, bounded
from cluster_ai.executors.stopping import Stop
from cluster_ai.executors.types import ExecutorSettings


@dataclass(frozen=True, slots=True)
class Cell:
    """What programs of tickets run in. ``settings``: what this machine grants."""

    settings: ExecutorSettings
    stop: Stop
    ladder: Ladder

    def bounds(self, limits: Limits) -> Bounds:
        return bounded(limits, self.settings)

    def is_bare(self) -> bool:
        """Whether what is trusted runs with no sandbox here, for there is none."""
        return self.ladder.rung(trusted=True).name == BARE

    def run(self, job: Job, line: Line, *, trusted: bool = False, reach: Sequence[str] = ()) -> Ended:
        """Runs a program to its end. ``trusted``: it may run bare where there is no sandbox. ``reach``: host:port.

        Raises:
            Cancelled: the end was asked for.
            Failed: it could not be run at all.
        """
        rung = self.ladder.rung(image=job.image, trusted=trusted)
        with ExitStack() as stack:
            if reach:
                job = replace(job, socket=stack.enter_context(doorman(reach, self.settings.reach)))
            return run(rung, job, self.stop, line)
