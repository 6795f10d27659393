"""What a screen asked the API for by itself: the last answer, how old it is, or why there is none. Pure."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from cluster_ai.core.errors import ClusterError

T = TypeVar("T")


@dataclass(slots=True)
class Look(Generic[T]):
    """Owned by one screen. Times are seconds of the session's clock."""

    value: T | None = None
    at: float = 0.0
    error: ClusterError | None = None
    """Why the last attempt failed; ``value`` is then what was known before."""

    def receive(self, value: T, now: float) -> None:
        self.value, self.at, self.error = value, now, None

    def fail(self, error: ClusterError) -> None:
        self.error = error

    def age(self, now: float) -> float:
        """Of ``value``, in seconds."""
        return max(0.0, now - self.at)
