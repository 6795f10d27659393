"""The sandbox as executors use it: one call, whatever this machine has."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from cluster_ai.core.processes import how_it_ended
from cluster_ai.executors.contract import Limits
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.sandbox import running
from cluster_ai.executors.sandbox.ladder import Ladder
from cluster_ai.executors.sandbox.reach import doorman
from cluster_ai.executors.sandbox.types import Bounds, Ended, Job, Line, bounded
from cluster_ai.executors.stopping import Stop
from cluster_ai.executors.types import ExecutorSettings

_SIGNALS = 128


@dataclass(frozen=True, slots=True)
class Cell:
    """What programs of tickets run in. ``settings``: what this machine grants."""

    settings: ExecutorSettings
    stop: Stop
    ladder: Ladder

    def bounds(self, limits: Limits) -> Bounds:
        return bounded(limits, self.settings)

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
            return running.run(rung, job, self.stop, line)


def no_network(limits: Limits, reach: Sequence[str]) -> None:
    """Raises ``Failed`` when a ticket names hosts and its limits give it no network."""
    if reach and not limits.network:
        raise Failed("network_not_allowed", f"it asks for {', '.join(reach)}, and its limits have no network")


def verdict(ended: Ended) -> Failed | None:
    """Why it did not go well."""
    if ended.reason:
        return Failed(ended.reason, ended.error)
    if ended.code:
        return Failed("exit_nonzero", f"it ended with {how(ended.code)}")
    return None


def how(code: int) -> str:
    """An exit code in words; those above 128 are signals, as shells and bubblewrap say them."""
    return how_it_ended(128 - code if code > _SIGNALS else code)
