"""What checks find, and the score that comes of it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["high", "medium", "low"]
WEIGHTS: Final[dict[Severity, float]] = {"high": 0.25, "medium": 0.1, "low": 0.02}
UNSAFE: Final = 0.49
"""The most that files with a grave security finding can reach: less than what is taken at all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``line``: 0 when it is the file as a whole. ``security``: whether it opens a door."""

    check: str
    rule: str
    severity: Severity
    path: str
    line: int
    text: str
    security: bool = False


def score(findings: Iterable[Finding]) -> float:
    """1 less the weights of what was found, at least 0; never above ``UNSAFE`` with a high security finding."""
    found = list(findings)
    left = max(0.0, 1.0 - sum(WEIGHTS[each.severity] for each in found))
    if any(each.security and each.severity == "high" for each in found):
        left = min(left, UNSAFE)
    return round(left, 4)
