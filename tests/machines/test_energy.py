"""What machines draw, from their reports over the wire to what the head knows."""

import pytest

from cluster_ai.nodes.inventory import Gauges
from cluster_ai.nodes.power import Drawn
from tests.machines.house import Head, House, Machine

DAYS = ("0001-01-01", "9999-12-31")


async def report(machine: Machine, watts: float | None, *, after: float) -> None:
    machine.house.steady += after
    machine.house.wall += after
    await machine.send(gauges=Gauges(watts=watts))


def test_reports_add_up_and_silence_does_not(house: House) -> None:
    async def story(head: Head) -> None:
        tower, attic = await head.joined("tower"), await head.joined("attic")
        for after, watts in ((0.0, 360.0), (10.0, 360.0), (600.0, 360.0), (10.0, None), (10.0, 360.0)):
            await report(tower, watts, after=after)
            await report(attic, None, after=0.0)
        # Of one day or of two: nobody knows when this is run.
        found = await head.members.energy.between(*DAYS)
        assert {name for name, _ in found} == {"tower"}
        assert sum(drawn.watt_hours for drawn in found.values()) == pytest.approx(1.0)
        assert sum(drawn.measured_seconds for drawn in found.values()) == pytest.approx(10.0)
        await head.fleet.change("tower", lambda known: known)
        await head.fleet.remove("tower")
        await head.members.energy.store()

    async def after_a_restart(head: Head) -> None:
        assert head.members.energy.ever() == {"tower": Drawn(1.0, 10.0)}

    house.tell(story)
    house.tell(after_a_restart)


def test_clock_that_is_set_moves_no_energy(house: House) -> None:
    async def story(head: Head) -> None:
        tower = await head.joined("tower")
        await report(tower, 360.0, after=0.0)
        house.wall += 5 * 3600.0
        await report(tower, 360.0, after=10.0)
        house.wall -= 9 * 3600.0
        await report(tower, 360.0, after=10.0)
        found = await head.members.energy.between(*DAYS)
        assert sum(drawn.measured_seconds for drawn in found.values()) == pytest.approx(20.0)

    house.tell(story)
