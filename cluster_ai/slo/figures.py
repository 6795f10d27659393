"""What happened in the room since this process began, counted for metrics."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.core.events import Event
from cluster_ai.core.metrics import Bins
from cluster_ai.slo.types import FreezeView

CALCULATIONS: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
FREEZES: Final = (60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)


@dataclass(slots=True)
class Figures:
    """``active``: freezes that held at the last evaluation."""

    seconds: Bins = field(default_factory=lambda: Bins(CALCULATIONS))
    durations: Bins = field(default_factory=lambda: Bins(FREEZES))
    activated: Counter[str] = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)
    policy_evaluations: int = 0
    active: tuple[FreezeView, ...] = ()

    def heard(self, event: Event) -> None:
        """Counts what the room tells."""
        match event.type:
            case "slo.freeze.activated":
                self.activated[str(event.data["scope"])] += 1
            case "slo.freeze.resolved":
                self.resolved[str(event.data["how"])] += 1
                self.durations.add(float(event.data["seconds"]))
