"""Energy that machines drew, added up from their heartbeats and stored by day. Days are UTC.

Owns the sums. What came since they were last stored is in memory; a head that is killed loses half a minute of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

import structlog

from cluster_ai.core.db import Database, DatabaseBroken
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.loops import stored
from cluster_ai.nodes import tables
from cluster_ai.nodes.fleet import Known
from cluster_ai.nodes.power import LONGEST_GAP, NOTHING, Drawn, Key, Meter
from cluster_ai.nodes.records import Machine

log = structlog.get_logger(__name__)
K = TypeVar("K")
STORE_SECONDS: Final = 30.0
BEATS: Final = 3.0
"""Heartbeats that may be lost without a hole in the sum, where they come seldom."""


@dataclass(slots=True)
class Energy:
    """``now``: Unix seconds. ``beat_seconds``: the pause between two heartbeats."""

    database: Database
    now: Callable[[], float]
    beat_seconds: float = 1.0
    _meters: dict[str, Meter] = field(default_factory=dict)
    _pending: dict[Key, Drawn] = field(default_factory=dict)
    _ever: dict[str, Drawn] = field(default_factory=dict)
    _storing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _away: bool = False
    _broken: bool = False

    async def load(self) -> None:
        """Reads what is stored.

        Raises:
            DatabaseUnavailable: it cannot be read.
        """
        async with self.database.read() as connection:
            self._ever = await tables.energy_ever(connection)

    def day(self) -> str:
        """Today's, as ``YYYY-MM-DD``."""
        return f"{datetime.fromtimestamp(self.now(), UTC):%Y-%m-%d}"

    def heard(self, known: Known) -> None:
        """A machine told how it is. Fast, and never fails."""
        if (presence := known.presence) is None:
            return
        meter = self._meters.get(known.machine.id)
        if meter is None:
            gap = max(LONGEST_GAP, BEATS * self.beat_seconds)
            meter = self._meters[known.machine.id] = Meter(gap)
        # People's changes bring the same heartbeat again: between it and itself there is no time.
        drawn = meter.read(presence.beat.gauges.watts, presence.heard_at)
        if drawn.measured_seconds:
            _add(self._pending, {(known.machine.name, self.day()): drawn})

    def forget(self, machine: Machine) -> None:
        """It has left; what it drew stays in the sums."""
        self._meters.pop(machine.id, None)

    def ever(self) -> Mapping[str, Drawn]:
        """By machine, of all days, as far as it is stored: no restart makes it less."""
        return self._ever

    async def between(self, first: str, last: str) -> dict[Key, Drawn]:
        """By machine and day, from one day to another, both with; what is not stored yet is in it.

        Raises:
            DatabaseUnavailable: it cannot be read.
        """
        # Under the lock: what is being stored is neither pending nor there yet.
        async with self._storing:
            async with self.database.read() as connection:
                drawn = await tables.energy_between(connection, first, last)
            _add(drawn, {key: more for key, more in self._pending.items() if first <= key[1] <= last})
        return drawn

    async def store(self) -> None:
        """Stores what came since the last time, and keeps it when that cannot be."""
        async with self._storing:
            if not self._pending or self._broken:
                return
            rows, self._pending = self._pending, {}
            try:
                async with self.database.transaction() as connection:
                    await tables.add_energy(connection, rows)
            except ClusterError as exc:
                _add(self._pending, rows)
                # After a failed disk nobody knows what is stored: adding again could count twice.
                self._broken = isinstance(exc, DatabaseBroken)
                if not self._away:
                    log.warning("energy is kept in memory", reason=exc.message)
                self._away = True
            else:
                self._away = False
                for (name, _), drawn in rows.items():
                    _add(self._ever, {name: drawn})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stores every half minute inside the block, and once more at its end."""
        async with stored(STORE_SECONDS, self.store):
            yield


def _add(sums: dict[K, Drawn], more: Mapping[K, Drawn]) -> None:
    for key, drawn in more.items():
        sums[key] = sums.get(key, NOTHING) + drawn
