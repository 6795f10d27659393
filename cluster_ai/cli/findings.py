"""What a check of ``cluster-ai diag`` found."""

from dataclasses import dataclass
from enum import StrEnum

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.i18n import pick
from cluster_ai.core.sentences import told


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Works, but will not for ever, or not well."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``evidence`` is what was seen; ``hint`` what to do when it is not ``ok``. People read both."""

    id: str
    verdict: Verdict
    evidence: str
    hint: str = ""


def failed(check: str, error: ClusterError) -> Check:
    """The finding that an error is, in the language of whoever reads it."""
    words = told(error, pick())
    return Check(check, Verdict.PROBLEM, words.line, words.hint)
