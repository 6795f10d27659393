"""What this process counted of its webhooks. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.core.metrics import Bins
from cluster_ai.notify.types import Answer

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Figures:
    """Totals since the start. ``waiting``: deliveries that are not over, as last counted."""

    enqueued: int = 0
    sent: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Attempts that failed: ``answered`` by the other side, or ``unreachable``."""
    waiting: int = 0
    signature_failures: int = 0
    seconds: Bins = field(default_factory=lambda: Bins(SECONDS))

    def reckon(self, answer: Answer) -> None:
        """Counts one attempt."""
        self.seconds.add(answer.ms / 1000)
        if answer.good:
            self.sent += 1
        else:
            self.failed["unreachable" if answer.status is None else "answered"] += 1

    def refuse(self) -> None:
        """Counts a message whose signature is not right."""
        self.signature_failures += 1
