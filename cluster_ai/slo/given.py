"""What the room needs of others; they pass it in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cluster_ai.core.db import Database
from cluster_ai.core.events import Event
from cluster_ai.core.leadership import Guard, Leads, always, unguarded
from cluster_ai.core.outbox import Tell
from cluster_ai.slo.judging import Call
from cluster_ai.slo.types import SloSettings

__all__ = ["Calls", "Event", "Given", "Nobody", "Tell"]


class Calls(Protocol):
    """The gateway's log of calls."""

    async def newest(self) -> int:
        """The number of the last call; 0 when there is none."""
        ...

    async def after(self, number: int, *, upto: int, limit: int) -> Sequence[Call]:
        """Calls with a number in (``number``, ``upto``], the oldest first."""
        ...


class Nobody:
    """No gateway keeps a log."""

    async def newest(self) -> int:
        return 0

    async def after(self, _number: int, *, upto: int, limit: int) -> Sequence[Call]:  # noqa: ARG002
        return ()


@dataclass(frozen=True, slots=True)
class Given:
    """``now`` answers Unix seconds; ``nodes`` by name whether each serves; ``folder`` holds people's files."""

    database: Database
    settings: SloSettings
    folder: Path
    now: Callable[[], float]
    new_id: Callable[[], str]
    tell: Tell
    calls: Calls
    nodes: Callable[[], Mapping[str, bool]]
    notice: Path | None = None
    """Where processes without a database read what is frozen."""
    leads: Leads = always
    """Whether this head evaluates for all; the others look, and write nothing."""
    guard: Guard = unguarded

    @property
    def led(self) -> Database:
        """The database for what only the head that leads may write."""
        return self.database.guarded(self.guard)

    def event(self, kind: str, subject: str, **data: Any) -> Event:
        """Something that happened now."""
        return Event(self.new_id(), kind, subject, data, self.now())
