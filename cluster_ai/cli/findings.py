"""What a check of ``cluster-ai doctor`` found, and what can be done about it."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.i18n import pick
from cluster_ai.core.sentences import told


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Works, but will not for ever, or not well."""
    PROBLEM = "problem"


class Fix(StrEnum):
    """Who mends a finding."""

    SAFE = "safe"
    """``doctor --fix safe`` does it: nothing that a person could mind."""
    ASKS = "asks"
    """One command does it; whether it should be done is for a person to say."""
    BY_HAND = "by hand"
    """No command of ours can."""


FINDINGS: Final = MappingProxyType(
    {
        "settings_wrong": Fix.BY_HAND,
        "home_missing": Fix.ASKS,
        "home_read_only": Fix.BY_HAND,
        "home_open": Fix.SAFE,
        "secret_open": Fix.SAFE,
        "scratch_left": Fix.SAFE,
        "ports_forgotten": Fix.SAFE,
        "update_left": Fix.ASKS,
        "restore_left": Fix.ASKS,
        "disk_short": Fix.BY_HAND,
        "memory_short": Fix.BY_HAND,
        "dashboard_missing": Fix.ASKS,
        "certificate_ends": Fix.ASKS,
        "certificate_unreadable": Fix.ASKS,
        "ports_taken": Fix.BY_HAND,
        "supervisor_away": Fix.ASKS,
        "part_unwell": Fix.ASKS,
        "api_silent": Fix.ASKS,
        "leader_missing": Fix.BY_HAND,
        "not_ready": Fix.BY_HAND,
        "models_unseen": Fix.BY_HAND,
        "models_none": Fix.BY_HAND,
        "machines_unseen": Fix.BY_HAND,
        "machine_away": Fix.ASKS,
        "machine_closed": Fix.BY_HAND,
        "machine_clock": Fix.BY_HAND,
    }
)
"""Every finding by its code, which never changes its meaning; the words stand in ``doctor.code.*``."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``id`` is what was looked at; ``evidence`` what was seen; ``hint`` what to do when it is not ``ok``.
    People read both. ``code`` is the finding's stable name, empty when all is well; ``command`` mends it, if one does.
    """

    id: str
    verdict: Verdict
    evidence: str
    hint: str = ""
    code: str = ""
    command: str = ""

    @property
    def fix(self) -> str:
        """Who mends it; empty when nothing is wrong."""
        return "" if self.verdict is Verdict.OK or not self.code else FINDINGS[self.code]


def failed(check: str, error: ClusterError, *, code: str, command: str = "") -> Check:
    """The finding that an error is, in the language of whoever reads it."""
    words = told(error, pick())
    return Check(check, Verdict.PROBLEM, words.line, words.hint, code, command)
