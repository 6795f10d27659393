"""``python -m backend.serve api|gateway``: one process of the cluster each."""

# ruff: noqa: PLC0415 - each part imports its own needs: the gateway must not carry FastAPI, SQL and Dask in memory

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

import structlog

from cluster_ai import __version__
from cluster_ai.core.addresses import is_loopback
from cluster_ai.core.errors import ClusterError, Misconfigured
from cluster_ai.core.garbage import kept, rarely_searched
from cluster_ai.core.groups import ungrouped
from cluster_ai.core.logging import configure
from cluster_ai.settings import Settings, head_files, load

if TYPE_CHECKING:
    from backend.machines.config import MembersConfig
    from backend.plane import Plane, PlaneConfig
    from cluster_ai.accounts.opening import VaultConfig

log = structlog.get_logger(__name__)
USAGE = 2


def main(argv: list[str]) -> int:
    """Serves until SIGTERM. Answers the exit code: 0 after a stop, 1 when it could not start, 2 for wrong usage."""
    parts = {"api": _api, "gateway": _gateway}
    if len(argv) != 1 or argv[0] not in parts:
        sys.stderr.write("usage: python -m backend.serve api|gateway\n")
        return USAGE
    name = "backend" if argv[0] == "api" else "gateway"
    # Wrong settings are told as everything else is: by a line that the supervisor can read.
    configure(component=name)
    try:
        settings = load()
        settings.paths.make()
        configure(component=name, level=settings.log_level)
        _tie_to_parent()
        _run(parts[argv[0]], settings)
    except ClusterError as exc:
        log.critical("cannot start", code=exc.code, reason=exc.message, hint=exc.hint)
        return 1
    return 0


def _run(part: Callable[[Settings], Coroutine[Any, Any, None]], settings: Settings) -> None:
    import uvloop

    with ungrouped(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(part(settings))


async def _api(settings: Settings) -> None:
    from backend.app import create_app
    from backend.dask_pages import DaskPages
    from backend.doctor_room import here as doctor_here
    from backend.plane import Neighbours, open_plane
    from backend.registry.grpc_server import Place as RegistryPlace
    from backend.registry.opening import registry_served
    from backend.registry.own import own_services
    from backend.settings_room import Told
    from cluster_ai.compute.jobs_client import SchedulerJobs
    from cluster_ai.compute.watch import SchedulerWatch
    from cluster_ai.core.asgi.guard import Limits
    from cluster_ai.core.asgi.serve import serve
    from cluster_ai.core.tracing import open_tracing
    from cluster_ai.shares import share_here, view_of
    from cluster_ai.supervisor.control import Control

    ports = settings.effective_ports
    async with AsyncExitStack() as stack:
        tracing = await stack.enter_async_context(open_tracing(os.environ, service="cluster-ai-backend"))
        dask, here = f"http://127.0.0.1:{ports.dask_dashboard}", await asyncio.to_thread(share_here, settings)
        watch = SchedulerWatch(f"tcp://127.0.0.1:{ports.scheduler}", dask, view_of(here))
        neighbours = Neighbours(
            Control(settings.paths),
            await stack.enter_async_context(watch),
            await stack.enter_async_context(DaskPages(dask)),
            await stack.enter_async_context(SchedulerJobs(f"tcp://127.0.0.1:{ports.scheduler}")),
            tracing,
            doctor_here(),
            Told(settings),
        )
        config = plane_config(settings, wants_workers=here.workers > 0)
        plane = await stack.enter_async_context(open_plane(config, neighbours))
        plane = await stack.enter_async_context(dispatched(plane, settings))
        _refuse_open_door(settings, chosen=plane.password_chosen)
        if settings.machines.bind is not None:
            from backend.machines.opening import machines_served

            _refuse_open_door(settings, chosen=plane.password_chosen, bind=settings.machines.bind)
            await stack.enter_async_context(machines_served(plane, settings))
        await stack.enter_async_context(own_services(plane, tick_seconds=settings.backend.tick_seconds))
        door = RegistryPlace(ports.grpc, settings.machines.bind, settings.paths.tls)
        await stack.enter_async_context(registry_served(plane, door))
        # To search all that was imported takes a sixth of a second, in which nobody is answered.
        stack.enter_context(rarely_searched())
        await serve(
            create_app(lambda: _already_open(plane), tracing=tracing, trusted_proxies=settings.backend.trusted_proxies),
            host=settings.bind,
            port=ports.backend,
            limits=Limits(body_bytes=settings.backend.max_body_bytes),
            allowed_hosts=settings.allowed_hosts,
            leaving=plane.leaving,
        )


@asynccontextmanager
async def dispatched(plane: "Plane", settings: Settings) -> AsyncIterator["Plane"]:
    """The API's rooms with dispatching among them: tickets are done inside the block."""
    from dataclasses import replace

    from backend.dispatching.config import DispatchConfig
    from backend.dispatching.opening import Around, open_dispatching
    from cluster_ai.plans.asked import Bounds

    ports, home = settings.effective_ports, settings.paths
    config = DispatchConfig(
        lines=home.logs / "tickets",
        secrets=home.secrets,
        scheduler=f"tcp://127.0.0.1:{ports.scheduler}",
        gateway_near=settings.gateway_url,
        gateway_far="" if is_loopback(settings.bind) else settings.shown_at(ports.gateway),
        bounds=Bounds(settings.plans.owner_in_flight, settings.plans.owner_seconds_a_day),
    )
    around = Around(
        plane.bus,
        plane.rooms.keys,
        plane.registry,
        plane.term.epoch,
        plane.term.guard,
        plane.slo.room.freezes.outlook,
        plane.neighbours.tracing,
    )
    async with open_dispatching(config, plane.work, around) as opened:
        yield replace(plane, dispatching=opened)


async def _gateway(settings: Settings) -> None:
    with kept():
        from backend.gateway.serve import serve_gateway

    await _refuse_open_gateway(settings)
    await serve_gateway(settings, database_url=settings.effective_database_url)


def plane_config(settings: Settings, *, wants_workers: bool) -> "PlaneConfig":
    """The plain values that the API runs on."""
    from backend.backups_room import BackupsConfig
    from backend.catalogs import CatalogConfig
    from backend.election_room import ElectionConfig
    from backend.host import ThisMachine
    from backend.notify_room import NotifyConfig
    from backend.plane import PlaneConfig
    from backend.plans_room import WorkConfig
    from backend.slo_room import SloConfig
    from backend.snapshot import About
    from backend.updates_room import UpdatesConfig
    from cluster_ai.catalog.entries import USERS
    from cluster_ai.core.paths import make_secret
    from cluster_ai.logs.room import LogsConfig
    from cluster_ai.registry.detector import Rule
    from cluster_ai.views import Endpoints

    home, ports, api = settings.paths, settings.effective_ports, settings.backend
    about = About(
        name=settings.name,
        version=__version__,
        endpoints=Endpoints(
            api=settings.shown_at(ports.backend),
            gateway=settings.shown_at(ports.gateway),
            dask_dashboard=f"{settings.shown_at(ports.backend)}/dask/",
        ),
        started_at=time.time(),
        wants_workers=wants_workers,
    )
    return PlaneConfig(
        about=about,
        vault=vault_config(settings),
        members=members_config(settings),
        gateway_url=settings.gateway_url,
        internal_token=home.internal_secret(),
        tick_seconds=api.tick_seconds,
        host=ThisMachine(home.root),
        run=home.run,
        catalog=CatalogConfig(
            users=home.root / USERS,
            registries=settings.gateway.registries,
            allow_pull=settings.gateway.allow_pull,
            # The gateway takes up changed ones by itself; they are read anew each time.
            aliases=lambda: load().gateway.aliases,
        ),
        notify=NotifyConfig(settings.notify, settings.lang or "en"),
        redis_url=settings.redis_url,
        work=WorkConfig(home.data / "plans", settings.plans, settings.executors),
        slo=SloConfig(
            settings.slo,
            settings.slo.folder or home.objectives,
            make_secret(home.alertmanager_token, token_urlsafe(32)),
            home.freezes,
        ),
        election=ElectionConfig(home.data, settings.election),
        logs=LogsConfig(home.logs_store, home.logs, settings.logs, time.time),
        backups=BackupsConfig(home, settings.effective_database_url, settings.backup),
        updates=UpdatesConfig(home, settings.update),
        rule=Rule.of(suspect=settings.machines.suspect_seconds, dead=settings.machines.dead_seconds),
    )


def vault_config(settings: Settings) -> "VaultConfig":
    """Where accounts and secrets lie, and how long a sign-in lasts."""
    from cluster_ai.accounts.opening import VaultConfig
    from cluster_ai.accounts.service import Times
    from cluster_ai.accounts.types import Lifetimes
    from cluster_ai.core.ids import new_id

    api = settings.backend
    return VaultConfig(
        url=settings.effective_database_url,
        secrets=settings.paths.secrets,
        lifetimes=Lifetimes(
            session=api.session_hours * 3600, idle=api.session_idle_minutes * 60, token=api.token_minutes * 60
        ),
        times=Times(now=time.time, new_id=new_id),
        on_fatal=_die,
        env=dict(os.environ),
    )


def members_config(settings: Settings) -> "MembersConfig":
    """What the machines room runs on."""
    from backend.machines.config import MembersConfig
    from cluster_ai.nodes.lines import place

    ports, bind = settings.effective_ports, settings.machines.bind
    names = (bind, *settings.machines.names) if bind else ()
    return MembersConfig(
        settings=settings.machines,
        files=head_files(settings),
        heads=tuple(f"https://{place(name, ports.machines)}" for name in names),
        scheduler=f"tls://{place(bind, ports.scheduler)}" if bind else "",
        agent_port=ports.agent,
        power=settings.power,
    )


async def _refuse_open_gateway(settings: Settings) -> None:
    if not is_loopback(settings.bind):
        from cluster_ai.accounts.first import is_password_chosen

        _refuse_open_door(settings, chosen=await is_password_chosen(settings.effective_database_url))


def _refuse_open_door(settings: Settings, *, chosen: bool, bind: str = "") -> None:
    bind = bind or settings.bind
    if not is_loopback(bind) and not chosen:
        raise Misconfigured(
            f"bind = {bind!r} would open this cluster to the network before anybody chose a password",
            hint="start on 127.0.0.1 and run `cluster-ai auth set-password`, or put a password into the file "
            f"{settings.paths.secrets / 'admin-password'}",
        )


@asynccontextmanager
async def _already_open(plane: "Plane") -> AsyncIterator["Plane"]:
    yield plane


def _tie_to_parent() -> None:
    from cluster_ai.core.processes import tie_to_parent

    tie_to_parent()


def _die(error: ClusterError) -> None:
    log.critical("the database is lost to this process", code=error.code, reason=error.message, hint=error.hint)
    # Nothing may be acknowledged any more, not even by a shutdown in good order; the supervisor starts us afresh.
    os._exit(1)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # All is closed and written. To take a hundred thousand objects apart one by one would be half a second of a stop.
    os._exit(code)
