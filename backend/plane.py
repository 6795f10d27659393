"""What a request can reach, and its life: the accounts, the snapshot loop and the calls to the gateway."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
from starlette.types import ASGIApp

from backend import catalogs, election_room, logs_room, outside, plans_room, slo_room, updates_room, working
from backend.gateways import GatewayCalls, Gateways
from backend.live import Bus, ClusterEvent, Keep, Live, Shown
from backend.plane_config import Neighbours, PlaneConfig
from backend.recent import Recent
from backend.rooms import Accounts, Rooms, open_rooms
from backend.sources import HttpGateway, Rested, Sources, Supervisor
from cluster_ai.registry.service import Means, Registry

__all__ = ["Neighbours", "Plane", "PlaneConfig", "open_plane"]

CONNECT_SECONDS = 2.0
SILENCE_SECONDS = 330.0
"""Longest silence inside an answer that the API waits out; the gateway's own limits lie below it."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Everything that outlives a request."""

    accounts: Accounts
    password_chosen: bool
    """Whether the admin had one of their own at the start."""
    live: Live
    bus: Bus
    supervisor: Supervisor
    calls: GatewayCalls
    gateway: Gateways
    rooms: Rooms
    registry: Registry
    internal_token: str
    leaving: asyncio.Event
    """Set when the process begins to stop: streams without an end must end."""
    neighbours: Neighbours
    catalog: catalogs.Opened
    slo: slo_room.Objectives
    work: plans_room.Opened
    notify: outside.Notify
    logs: logs_room.Logs | None
    term: election_room.Term
    """Whether this head leads."""
    recent: Recent
    backups: updates_room.Backups | None = None
    updates: updates_room.Updates | None = None
    dispatching: working.Dispatching | None = None
    """None where tickets are not done."""

    @property
    def work_door(self) -> ASGIApp | None:
        """Where workers ask about their tickets."""
        return None if self.dispatching is None else self.dispatching.door


@asynccontextmanager
async def open_plane(config: PlaneConfig, neighbours: Neighbours) -> AsyncIterator[Plane]:
    """Opens everything in order, and closes it in reverse."""
    async with AsyncExitStack() as stack:
        consent = slo_room.consent_of(config.vault.times)
        rooms = await stack.enter_async_context(open_rooms(config.vault, config.members, consent))
        await stack.enter_async_context(rooms.members.energy.running())
        times = config.vault.times
        means = Means(clock=time.monotonic, wall=times.now, new_id=times.new_id)
        registry = await stack.enter_async_context(Registry(means, rule=config.rule).running())
        session = await stack.enter_async_context(_session())
        front = HttpGateway(session, url=config.gateway_url, token=config.internal_token)
        gateway = Gateways(front, run=config.run, token=config.internal_token)
        dask = Rested(neighbours.compute, rooms.members.fleet.resting)
        sources = Sources(gateway, neighbours.supervisor, dask, config.host)
        bus = await stack.enter_async_context(outside.open_bus(config.redis_url, origin=times.new_id()))
        standing = election_room.open_election(config.election, rooms.database, bus, config.vault)
        term = await stack.enter_async_context(standing)
        live = Live(sources, about=config.about, bus=bus, database=rooms.check, now=config.vault.times.now)
        recent, kept = Recent(rooms.members.fleet.gauges), _kept_by_leader(rooms, term)
        await stack.enter_async_context(live.running(seconds=config.tick_seconds, keep=kept, shown=_into(recent)))
        alone = not config.members.heads
        tls = None if alone else config.members.files.store
        slo = await stack.enter_async_context(
            slo_room.open_slo(config.slo, slo_room.Next(rooms, live, bus, times, term.epoch, term.guard))
        )
        around = catalogs.Around(rooms.database, live, rooms.members.fleet, bus, times, consent, tls)
        catalog = await stack.enter_async_context(catalogs.open_catalogs(config.catalog, around))
        receivers = await stack.enter_async_context(outside.open_receivers(config.notify.settings.allow))
        ground = plans_room.Ground(rooms.database, bus, config.vault, consent, receivers.refused)
        work = await stack.enter_async_context(plans_room.open_work(config.work, ground))
        secrets, turn = config.vault.secrets, outside.turn_of(bus, term.epoch)
        beside = outside.Beside(rooms.database, bus, times, secrets, config.about.name, outside.to_tickets(work), turn)
        notify = await stack.enter_async_context(outside.open_notify(config.notify, beside))
        upkeep, asked = updates_room.Around(rooms, bus, times, term.epoch), neighbours.supervisor.status
        calls = GatewayCalls(session, gateway_url=config.gateway_url, token=config.internal_token)
        yield Plane(
            rooms.accounts,
            rooms.password_chosen,
            live,
            bus,
            neighbours.supervisor,
            calls,
            gateway,
            rooms,
            registry,
            config.internal_token,
            asyncio.Event(),
            neighbours,
            catalog,
            slo,
            work,
            notify,
            await stack.enter_async_context(logs_room.open_logs(config.logs)),
            term,
            recent,
            *await stack.enter_async_context(updates_room.open_upkeep(config.upkeep, upkeep, asked)),
        )


def _kept_by_leader(rooms: Rooms, term: election_room.Term) -> Keep:
    """Each head sees the cluster for itself: only the one that leads writes down what happened there."""

    def keep(happened: Sequence[ClusterEvent]) -> None:
        if term.epoch():
            rooms.events.keep(happened)

    return keep


def _into(recent: Recent) -> Shown:
    return lambda picture: recent.take(picture, time.monotonic())


def _session() -> aiohttp.ClientSession:
    limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    # A proxy from the environment must never see the internal token.
    return aiohttp.ClientSession(
        timeout=limits, connector=aiohttp.TCPConnector(limit=0), trust_env=False, auto_decompress=True
    )
