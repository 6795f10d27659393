"""What is promised, and by what rules it is frozen: the part of the room that people write."""

from dataclasses import dataclass
from typing import Self

from cluster_ai.slo.files import Files
from cluster_ai.slo.given import Given
from cluster_ai.slo.importing import Importing
from cluster_ai.slo.objectives import Objectives
from cluster_ai.slo.policies import Policies


@dataclass(frozen=True, slots=True)
class Desk:
    """Made by ``of``."""

    objectives: Objectives
    policies: Policies
    importing: Importing
    files: Files

    @classmethod
    def of(cls, given: Given) -> Self:
        objectives, policies = Objectives(given), Policies(given)
        return cls(objectives, policies, Importing(given, objectives, policies), Files(given, objectives, policies))
