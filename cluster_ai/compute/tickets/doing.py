"""The work of one attempt that may begin: its child, what it says meanwhile, and what came of it."""

from dataclasses import dataclass
from pathlib import Path

from cluster_ai.compute.tickets.folders import keep_report
from cluster_ai.compute.tickets.nursery import NoChild, Nursery
from cluster_ai.compute.tickets.office import Begun, Office
from cluster_ai.compute.tickets.tending import Allowed, Stop, Tending
from cluster_ai.compute.tickets.voice import Ears, Voice
from cluster_ai.compute.tickets.words import Errand
from cluster_ai.executors.contract import GRACE_SECONDS, Result

__all__ = ["Doer", "Nursery", "Stop"]


@dataclass(frozen=True, slots=True)
class Doer:
    """``memory_bytes``: of an attempt without a limit of its own; 0: none."""

    office: Office
    nursery: Nursery
    memory_bytes: int = 0
    grace_seconds: float = GRACE_SECONDS

    def do(self, errand: Errand, begun: Begun, folder: Path, stop: Stop) -> tuple[Result, str]:
        """What came of it, and the token that counts last."""
        if begun.cancel:
            return Result(ok=False, code="cancelled", error="it was cancelled before it began"), begun.token
        keep_report(folder, begun.report)
        try:
            child = self.nursery.start(folder)
        except NoChild as exc:
            return Result(ok=False, code=exc.code, error=exc.message), begun.token or errand.token
        limits = begun.order.limits
        allowed = Allowed(limits.seconds, limits.memory_bytes or self.memory_bytes, self.grace_seconds)
        ears = Ears(stop.ask, lambda report: keep_report(folder, report))
        with Voice(errand, begun, self.office, ears) as voice:
            result = Tending(child, voice, allowed, stop).to_the_end()
        return result, voice.token
