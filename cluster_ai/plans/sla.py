"""How long a ticket may take and how often it is tried, from its risk band. Pure; figures are this project's own.

The deadline leaves room for every attempt and half as much again: created + timeout * (retries + 1) * 1.5.
"""

from dataclasses import dataclass
from typing import Final

from cluster_ai.plans.types import Sla
from cluster_ai.plans.words import RiskBand


@dataclass(frozen=True, slots=True)
class Terms:
    timeout_ms: int
    max_retries: int

    def deadline(self, created_at: float) -> float:
        """Unix seconds."""
        return created_at + self.timeout_ms / 1000 * (self.max_retries + 1) * SLACK


SLACK: Final = 1.5
BANDS: Final = {
    RiskBand.CRITICAL: Terms(60_000, 5),
    RiskBand.HIGH: Terms(120_000, 3),
    RiskBand.MEDIUM: Terms(300_000, 3),
    RiskBand.LOW: Terms(900_000, 2),
}


def terms(band: RiskBand, asked: Sla) -> Terms:
    """The band's terms, where nothing else was asked."""
    usual = BANDS[band]
    retries = usual.max_retries if asked.max_retries is None else asked.max_retries
    return Terms(asked.timeout_ms or usual.timeout_ms, retries)
