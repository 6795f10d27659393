"""A place at a node, or why there is none."""

from typing import Final

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.values import value
from cluster_ai.gateway.nodes.lane import Lane
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.routing import Choice
from cluster_ai.gateway.types import BreakerState, ModelView

NEVER: Final = float("-inf")


class Overloaded(Unavailable):
    """Too many calls wait already, or this one would wait too long."""

    code = "overloaded"


class Nowhere(Exception):
    """No node that is left has the model."""


@value
class Place:
    """A slot at a node, taken."""

    upstream: Upstream
    model: ModelView
    lane: Lane
    choice: Choice
    choices: tuple[Choice, ...]
    waited: float
    until: float
    """When it will probably be free again."""

    @property
    def is_last(self) -> bool:
        """Nobody else could be asked: there is nothing to lose."""
        return len(self.choices) == 1 or self.choice.candidate.breaker is BreakerState.OPEN
