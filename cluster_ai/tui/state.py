"""What the screens show: the newest snapshot, the history it belongs to, and the state of the link. Pure."""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cluster_ai.core.errors import ClusterError
from cluster_ai.views import NodeView, OverviewView

REMEMBERED: Final = 240
"""Snapshots kept for sparklines and charts: four minutes at one a second."""
STALE_SECONDS: Final = 3.0


class Link(StrEnum):
    """How the screens stand with the API."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    """There is data, but it is older than three seconds."""
    FAILED = "failed"
    """There never was any, and the last attempt failed."""


class Series:
    """The last values of one figure."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=REMEMBERED)

    def add(self, value: float | None) -> None:
        self._values.append(value or 0.0)

    def values(self) -> list[float]:
        return list(self._values)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no news, and when (on the state's clock) the next attempt is."""

    error: ClusterError
    next_at: float


@dataclass(slots=True)
class State:
    """Owned by the App; screens only read it. Times are seconds of one monotonic clock."""

    overview: OverviewView | None = None
    """What is shown; while paused it stays behind ``newest``."""
    received_at: float = 0.0
    newest: OverviewView | None = None
    newest_at: float = 0.0
    trouble: Trouble | None = None
    paused: bool = False
    figures: dict[str, Series] = field(default_factory=dict)
    """By name: ``requests``, ``tokens``, ``inflight``, ``cpu``, ``memory``."""
    node_speed: dict[str, Series] = field(default_factory=dict)
    """Tokens per second, by node."""

    def receive(self, overview: OverviewView, now: float) -> None:
        """A snapshot came. While paused it counts in the history, and what is shown stays."""
        self.trouble = None
        self.newest, self.newest_at = overview, now
        self._remember(overview)
        if not self.paused or self.overview is None:
            self._catch_up()

    def toggle_pause(self) -> None:
        self.paused = not self.paused
        if not self.paused:
            self._catch_up()

    def fail(self, error: ClusterError, *, now: float, pause: float) -> None:
        """The link broke; the next attempt comes after ``pause`` seconds."""
        self.trouble = Trouble(error, now + pause)

    def age(self, now: float) -> float:
        """Of what is shown, in seconds."""
        return max(0.0, now - self.received_at)

    def link(self, now: float) -> Link:
        if self.overview is None:
            return Link.FAILED if self.trouble else Link.CONNECTING
        return Link.STALE if now - self.newest_at > STALE_SECONDS else Link.LIVE

    def node(self, name: str) -> NodeView | None:
        nodes = self.overview.nodes if self.overview else ()
        return next((node for node in nodes if node.name == name), None)

    def _catch_up(self) -> None:
        self.overview, self.received_at = self.newest, self.newest_at

    def _remember(self, overview: OverviewView) -> None:
        rates, host = overview.rates, overview.system.host
        for name, value in (
            ("requests", rates.requests_per_second),
            ("tokens", rates.tokens_per_second),
            ("inflight", rates.inflight),
            ("cpu", host.cpu),
            ("memory", host.memory_used),
        ):
            self.figures.setdefault(name, Series()).add(value)
        present = {node.name for node in overview.nodes}
        for gone in self.node_speed.keys() - present:
            del self.node_speed[gone]
        for node in overview.nodes:
            self.node_speed.setdefault(node.name, Series()).add(node.tokens_per_second)
