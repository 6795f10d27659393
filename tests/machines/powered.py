"""An API whose machines tell what they draw: reports handed to its fleet, as the machines' door does."""

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

from cluster_ai.keys import tables as ledger
from cluster_ai.keys.records import Used
from cluster_ai.nodes import tables
from cluster_ai.nodes.fleet import Clocks
from cluster_ai.nodes.inventory import Gauges
from cluster_ai.nodes.power import Drawn
from cluster_ai.nodes.types import Heartbeat, PowerSettings
from tests.backend.running import Api
from tests.machines.house import request_of

NOW = 1_798_800_000.0  # 2027-01-01 10:40:00 UTC
TODAY, YESTERDAY = "2027-01-01", "2026-12-31"


@dataclass
class Powered:
    """It is ``NOW``, and time passes when the test says so."""

    api: Api
    steady: float = 1000.0
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        members = self.api.plane.rooms.members
        members.energy.now = lambda: NOW
        members.fleet.clocks = Clocks(lambda: self.steady, lambda: NOW)

    def on_the_wall(self) -> None:
        """Days are those of the box from now on."""
        self.api.plane.rooms.members.energy.now = time.time

    def priced(self, price: float | None, currency: str = "EUR") -> None:
        config = self.api.plane.rooms.members.config
        object.__setattr__(config, "power", PowerSettings(price_per_kwh=price, currency=currency))

    def join(self, *names: str) -> None:
        async def join(name: str) -> None:
            members = self.api.plane.rooms.members
            _, token = await members.invitations.invite(by="owner", seconds=900.0)
            await members.fleet.join(request_of(name), token)

        for name in names:
            self.api.served.run(join(name))

    def report(self, name: str, watts: float | None, *, after: float = 0.0) -> None:
        """A heartbeat, ``after`` seconds."""
        self.steady += after
        fleet = self.api.plane.rooms.members.fleet
        beat = Heartbeat(
            node_id=fleet.named(name).machine.id, number=next(self.numbers), boot_id="b", sent_at=NOW, port=1,
            gauges=Gauges(watts=watts),
        )  # fmt: skip
        self.api.served.run(fleet.heard(beat))

    def add(self, drawn: dict[tuple[str, str], Drawn], *used: Used) -> None:
        """Energy and usage of days gone by."""

        async def add() -> None:
            async with self.api.plane.rooms.database.transaction() as connection:
                await tables.add_energy(connection, drawn)
                if used:
                    await ledger.add_usage(connection, used)
            await self.api.plane.rooms.members.energy.load()

        self.api.served.run(add())

    def store(self) -> None:
        self.api.served.run(self.api.plane.rooms.members.energy.store())


def used(node: str, day: str, tokens: int) -> Used:
    return Used("", "m", node, day, 1, 0, 10, tokens)
