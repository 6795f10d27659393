"""What a check of ``cluster-ai diag`` found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Works, but will not for ever, or not well."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``evidence`` is what was seen; ``hint`` what to do when it is not ``ok``."""

    id: str
    verdict: Verdict
    evidence: str
    hint: str = ""
