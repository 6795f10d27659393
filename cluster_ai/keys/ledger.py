"""What was used, added up in memory and stored every second. A call never waits for it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from cluster_ai.core.db_errors import DatabaseBroken
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.loops import stored
from cluster_ai.core.values import value
from cluster_ai.keys.records import Used

log = structlog.get_logger(__name__)

FLUSH_SECONDS: Final = 1.0
MOST_ROWS: Final = 10_000
"""Rows in memory while the database is away; what comes on top is added up without model and node."""


class Store(Protocol):
    """Where usage is kept."""

    async def add_usage(self, rows: Iterable[Used], *, last_used: Mapping[str, float]) -> None: ...


MOST_TOKENS: Final = 10**9
"""Of one call: a node that claims more is wrong, and sums of such claims would fit no column."""


@value
class Use:
    """One call that is over. ``node`` and ``model`` are empty when no node answered; ``at`` in Unix seconds."""

    key_id: str
    model: str
    node: str
    at: float
    failed: bool
    prompt_tokens: int
    output_tokens: int


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    errors: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0


Row = tuple[str, str, str, str]


class Tally:
    """Sums by key, model, node and day."""

    def __init__(self) -> None:
        self._sums: dict[Row, _Sum] = {}
        self._last_used: dict[str, float] = {}
        # Formatting a date costs more than all the rest; it changes once a day.
        self._day: tuple[int, str] = (-1, "")

    def __bool__(self) -> bool:
        return bool(self._sums)

    def add(self, use: Use) -> None:
        """Counts one call."""
        day = self._day_of(use.at)
        # Names that are clean, as nearly all are, are found as they come.
        found = self._sums.get((use.key_id, use.model, use.node, day))
        if found is None:
            found = self._of((use.key_id, _clean(use.model, 256), _clean(use.node, 128), day))
        found.requests += 1
        found.errors += use.failed
        found.prompt_tokens += min(use.prompt_tokens, MOST_TOKENS)
        found.output_tokens += min(use.output_tokens, MOST_TOKENS)
        if use.key_id:
            self._last_used[use.key_id] = max(use.at, self._last_used.get(use.key_id, 0.0))

    def give_back(self, rows: Iterable[Used], last_used: Mapping[str, float]) -> None:
        """Takes up again what could not be stored."""
        for used in rows:
            found = self._of((used.key_id, used.model, used.node, used.day))
            found.requests += used.requests
            found.errors += used.errors
            found.prompt_tokens += used.prompt_tokens
            found.output_tokens += used.output_tokens
        for key_id, at in last_used.items():
            self._last_used[key_id] = max(at, self._last_used.get(key_id, 0.0))

    def take(self) -> tuple[list[Used], dict[str, float]]:
        """Everything, in a fixed order (two writers then never wait for each other in a circle); begins anew."""
        sums, self._sums = self._sums, {}
        last_used, self._last_used = self._last_used, {}
        rows = [
            Used(*row, found.requests, found.errors, found.prompt_tokens, found.output_tokens)
            for row, found in sorted(sums.items())
        ]
        return rows, last_used

    def _of(self, row: Row) -> _Sum:
        if row not in self._sums and len(self._sums) >= MOST_ROWS:
            row = (row[0], "", "", row[3])
        return self._sums.setdefault(row, _Sum())

    def _day_of(self, at: float) -> str:
        number = int(at) // 86_400
        if number != self._day[0]:
            self._day = (number, f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}")
        return self._day[1]


def _clean(name: str, longest: int) -> str:
    """``name`` as every database takes it: one bad character would keep all other rows from being stored."""
    return name[:longest] if name.isprintable() else "".join(filter(str.isprintable, name))[:longest]


class Ledger:
    """Stores a tally, now and then and at the end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tally = Tally()
        self._away = False
        self._broken = False

    def add(self, use: Use) -> None:
        """Counts one call. Fast, and never fails."""
        self._tally.add(use)

    async def flush(self) -> None:
        """Stores what came since the last time; keeps it when that cannot be."""
        if not self._tally or self._broken:
            return
        rows, last_used = self._tally.take()
        try:
            await self._store.add_usage(rows, last_used=last_used)
        except ClusterError as exc:
            self._tally.give_back(rows, last_used)
            # After a failed disk nobody knows what is stored: adding again could count twice.
            self._broken = isinstance(exc, DatabaseBroken)
            if not self._away:
                self._away = True
                log.warning("usage is kept in memory", reason=exc.message)
        else:
            self._away = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stores every second inside the block, and once more at its end."""
        async with stored(FLUSH_SECONDS, self.flush):
            yield
