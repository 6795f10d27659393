"""What happens, and where objectives stand by it: the part of the room that measures."""

from dataclasses import dataclass
from typing import Self

from cluster_ai.slo.counting import Counting
from cluster_ai.slo.evaluation import Evaluation
from cluster_ai.slo.freezes import Freezes
from cluster_ai.slo.given import Given
from cluster_ai.slo.promql import Promql
from cluster_ai.slo.summing import Summing
from cluster_ai.slo.web import Web


@dataclass(frozen=True, slots=True)
class Measuring:
    """Made by ``of``."""

    counting: Counting
    evaluation: Evaluation
    promql: Promql

    @classmethod
    def of(cls, given: Given, freezes: Freezes) -> Self:
        url = given.settings.prometheus_url
        return cls(
            Counting(given.database, given.led, given.calls, given.now),
            Evaluation(given, freezes, Summing(given.database)),
            Promql(given.led, Web("Prometheus", url) if url else None),
        )
