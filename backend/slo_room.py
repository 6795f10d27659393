"""The room of objectives as the API has it: over the gateway's log, the nodes of the live picture, and the bus."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backend.live import Bus, Live
from backend.rooms import Rooms
from cluster_ai.accounts.service import Times
from cluster_ai.core.consent import Consent
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.events import Event
from cluster_ai.gateway.types import UpstreamState
from cluster_ai.slo.opening import (
    Call,
    Given,
    Guard,
    Leads,
    Service,
    SloSettings,
    always,
    consenting,
    open_room,
    unguarded,
)

__all__ = ["Next", "Objectives", "SloConfig", "consent_of", "open_slo"]


@dataclass(frozen=True, slots=True)
class SloConfig:
    """Plain values. ``folder`` holds people's files of objectives; ``token`` is what an Alertmanager shows.

    ``notice`` is where the gateway reads what is frozen, also while the API is away.
    """

    settings: SloSettings = field(default_factory=SloSettings)
    folder: Path = Path("slo")
    token: str = ""
    notice: Path | None = None


@dataclass(frozen=True, slots=True)
class Next:
    """What stands around the room."""

    rooms: Rooms
    live: Live
    bus: Bus
    times: Times
    leads: Leads = always
    guard: Guard = unguarded


@dataclass(frozen=True, slots=True)
class Objectives:
    """The open room, and what others are given of it."""

    room: Service
    token: str


class CallLog:
    """The gateway's log of calls, as the room reads it."""

    def __init__(self, rooms: Rooms) -> None:
        self._log = rooms.requests

    async def newest(self) -> int:
        return await self._log.newest()

    async def after(self, number: int, *, upto: int, limit: int) -> Sequence[Call]:
        return [Call(**row) for row in await self._log.after(number, upto=upto, limit=limit)]


def consent_of(times: Times) -> Consent:
    """What is asked before anything risky is done."""
    return consenting(times.now)


@asynccontextmanager
async def open_slo(config: SloConfig, beside: Next) -> AsyncIterator[Objectives]:
    """The room with its loops."""

    def tell(event: Event) -> None:
        beside.bus.publish(event.topic, event)

    given = Given(
        beside.rooms.database,
        config.settings,
        config.folder,
        beside.times.now,
        beside.times.new_id,
        tell,
        CallLog(beside.rooms),
        lambda: _nodes(beside.live),
        config.notice,
        beside.leads,
        beside.guard,
    )
    async with open_room(given) as room:
        yield Objectives(room, config.token)


def _nodes(live: Live) -> Mapping[str, bool]:
    """Each node, and whether it serves. One that somebody drains is away on purpose."""
    try:
        nodes = live.overview().nodes
    except Unavailable:
        return {}
    return {node.name: node.state is not UpstreamState.DOWN for node in nodes if not node.draining}
