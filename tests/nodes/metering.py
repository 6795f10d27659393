"""Energy of machines on a real database, by a clock of the test's own.

As a program (``python -m tests.nodes.metering URL``) it adds up a machine's watts without end, and says on a line of
its own after each second how many were heard, and after each time that it stored how many are stored for sure.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from cluster_ai.core.db import open_database
from cluster_ai.nodes.energy import STORE_SECONDS, Energy
from cluster_ai.nodes.fleet import Known
from cluster_ai.nodes.inventory import Gauges, Inventory
from cluster_ai.nodes.presence import MachineState, Presence
from cluster_ai.nodes.records import Machine
from cluster_ai.nodes.types import Heartbeat

DAY, NEXT = "2027-01-01", "2027-01-02"
NEW_YEAR = 1_798_761_600.0  # 2027-01-01 00:00:00 UTC
WATTS = 3600.0
"""A watt-hour a second."""


@dataclass
class Bench:
    """``now`` is Unix time, ``steady`` the head's monotonic seconds."""

    url: str
    now: float = NEW_YEAR
    steady: float = 5000.0
    _numbers: dict[str, int] = field(default_factory=dict)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Energy]:
        async with open_database(self.url, on_fatal=pytest.fail) as database:
            energy = Energy(database, lambda: self.now)
            await energy.load()
            yield energy

    def tell(self, story: Callable[[Energy], Awaitable[None]]) -> None:
        async def tell() -> None:
            async with self.opened() as energy:
                await story(energy)

        asyncio.run(tell())

    def beat(self, energy: Energy, name: str = "tower", *, watts: float | None = WATTS, seconds: float = 1.0) -> None:
        """A heartbeat of a machine, ``seconds`` after whatever was last."""
        self.now += seconds
        self.steady += seconds
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        node_id = f"00000000-0000-0000-0000-{name.encode().hex():0>12}"
        beat = Heartbeat(node_id=node_id, number=number, sent_at=self.now, port=1, gauges=Gauges(watts=watts))
        energy.heard(Known(machine(name, node_id), Presence(beat, self.steady), MachineState.HEALTHY))


def machine(name: str, node_id: str = "") -> Machine:
    return Machine(node_id, name, name, 0.0, "owner", "1", 0.0, (), 1, Inventory(hostname=name))


async def main(url: str) -> None:
    bench = Bench(url)
    async with bench.opened() as energy:
        bench.beat(energy)
        for second in range(1, 100_000):
            bench.beat(energy)
            print("heard", second, flush=True)
            if second % STORE_SECONDS == 0:
                await energy.store()
                print("stored", second, flush=True)
            await asyncio.sleep(0.0005)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(main(sys.argv[1]))
