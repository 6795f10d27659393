"""What machines drew and what it yielded: their own reports, set against the ledger of tokens."""

from typing import Final

from backend.machines.members import Members
from backend.plane import Plane
from cluster_ai.keys.records import Span
from cluster_ai.nodes.power import Yield
from cluster_ai.nodes.power_views import days_of, power_view
from cluster_ai.nodes.presence import MachineState
from cluster_ai.nodes.views import PowerView

HEARD: Final = frozenset({MachineState.HEALTHY, MachineState.SUSPECT})


async def power_of(plane: Plane, first: str, last: str) -> PowerView:
    """From one day to another, both with; see ``days_of`` for empty ones.

    Raises:
        InvalidInput: there are no such days, or too many.
        DatabaseUnavailable: it cannot be read.
    """
    members = plane.rooms.members
    today = members.energy.day()
    days = days_of(first, last, today=today)
    return power_view(
        await _yielded(plane, *days),
        await _yielded(plane, today, today),
        members.config.power,
        days=days,
        watts=watts_now(members),
    )


def watts_now(members: Members) -> dict[str, float | None]:
    """Of machines that are heard; None of those that do not tell."""
    return {
        known.machine.name: known.presence.beat.gauges.watts
        for known in members.fleet.all()
        if known.presence is not None and known.state in HEARD
    }


async def _yielded(plane: Plane, first: str, last: str) -> Yield:
    written = await plane.rooms.keys.written(span=Span(first, last))
    drawn = await plane.rooms.members.energy.between(first, last)
    return Yield(drawn, {(one.node, one.day): one.tokens for one in written})
