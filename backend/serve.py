"""``python -m backend.serve api|gateway``: one process of the cluster each."""

# ruff: noqa: PLC0415 - each part imports its own needs: the gateway must not carry FastAPI, SQL and Dask in memory

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

from cluster_ai import __version__
from cluster_ai.core.errors import ClusterError, Misconfigured
from cluster_ai.core.logging import configure
from cluster_ai.settings import Settings, load

if TYPE_CHECKING:
    from backend.plane import Plane, PlaneConfig

log = structlog.get_logger(__name__)
USAGE = 2


def main(argv: list[str]) -> int:
    """Serves until SIGTERM. Answers the exit code: 0 after a stop, 1 when it could not start, 2 for wrong usage."""
    parts = {"api": _api, "gateway": _gateway}
    if len(argv) != 1 or argv[0] not in parts:
        sys.stderr.write("usage: python -m backend.serve api|gateway\n")
        return USAGE
    try:
        settings = load()
        settings.paths.make()
        configure(component="backend" if argv[0] == "api" else "gateway", level=settings.log_level)
        _tie_to_parent()
        _run(parts[argv[0]], settings)
    except ClusterError as exc:
        log.critical("cannot start", code=exc.code, reason=exc.message, hint=exc.hint)
        return 1
    return 0


def _run(part: Callable[[Settings], Coroutine[Any, Any, None]], settings: Settings) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(part(settings))


async def _api(settings: Settings) -> None:
    from backend.app import create_app
    from backend.plane import Neighbours, open_plane
    from cluster_ai.compute.watch import SchedulerWatch
    from cluster_ai.core.asgi.guard import Limits
    from cluster_ai.core.asgi.serve import serve
    from cluster_ai.supervisor.control import Control

    ports = settings.effective_ports
    async with AsyncExitStack() as stack:
        watch = SchedulerWatch(f"tcp://127.0.0.1:{ports.scheduler}", f"http://127.0.0.1:{ports.dask_dashboard}")
        neighbours = Neighbours(Control(settings.paths), await stack.enter_async_context(watch))
        plane = await stack.enter_async_context(open_plane(plane_config(settings), neighbours))
        _refuse_open_door(settings, chosen=plane.password_chosen)
        await serve(
            create_app(lambda: _already_open(plane)),
            host=settings.bind,
            port=ports.backend,
            limits=Limits(body_bytes=settings.backend.max_body_bytes),
            allowed_hosts=settings.allowed_hosts,
            leaving=plane.leaving,
        )


async def _gateway(settings: Settings) -> None:
    from backend.gateway import create_gateway
    from cluster_ai.core.asgi.guard import Limits
    from cluster_ai.core.asgi.serve import serve

    await _refuse_open_gateway(settings)
    ports, home = settings.effective_ports, settings.paths
    embedded = f"http://127.0.0.1:{ports.node}" if settings.node.enabled else None
    await serve(
        create_gateway(settings.gateway, embedded_url=embedded, internal_token=home.internal_secret()),
        host=settings.bind,
        port=ports.gateway,
        limits=Limits(body_bytes=settings.gateway.max_body_bytes),
        allowed_hosts=settings.allowed_hosts,
    )


def plane_config(settings: Settings) -> "PlaneConfig":
    """The plain values that the API runs on."""
    from backend.plane import PlaneConfig
    from backend.snapshot import About
    from backend.sources import ThisMachine
    from cluster_ai.accounts.opening import VaultConfig
    from cluster_ai.accounts.service import Times
    from cluster_ai.accounts.types import Lifetimes
    from cluster_ai.core.ids import new_id
    from cluster_ai.views import Endpoints

    home, ports, api = settings.paths, settings.effective_ports, settings.backend
    vault = VaultConfig(
        url=database_url(settings),
        secrets=home.secrets,
        lifetimes=Lifetimes(
            session=api.session_hours * 3600, idle=api.session_idle_minutes * 60, token=api.token_minutes * 60
        ),
        times=Times(now=time.time, new_id=new_id),
        on_fatal=_die,
        env=dict(os.environ),
    )
    about = About(
        name=settings.name,
        version=__version__,
        endpoints=Endpoints(
            api=f"http://{_shown(settings)}:{ports.backend}",
            gateway=f"http://{_shown(settings)}:{ports.gateway}",
            dask_dashboard=f"http://127.0.0.1:{ports.dask_dashboard}/status",
        ),
        started_at=time.time(),
        wants_workers=settings.compute.workers > 0,
    )
    return PlaneConfig(
        about=about,
        vault=vault,
        gateway_url=f"http://127.0.0.1:{ports.gateway}",
        internal_token=home.internal_secret(),
        tick_seconds=api.tick_seconds,
        host=ThisMachine(home.root),
    )


def database_url(settings: Settings) -> str:
    """Where the database is: the one named, else a file in the data directory."""
    return settings.database_url or f"sqlite:///{settings.paths.database}"


async def _refuse_open_gateway(settings: Settings) -> None:
    from cluster_ai.core.asgi.middleware import is_loopback

    if not is_loopback(settings.bind):
        from cluster_ai.accounts.first import is_password_chosen

        _refuse_open_door(settings, chosen=await is_password_chosen(database_url(settings)))


def _refuse_open_door(settings: Settings, *, chosen: bool) -> None:
    from cluster_ai.core.asgi.middleware import is_loopback

    if not is_loopback(settings.bind) and not chosen:
        raise Misconfigured(
            f"bind = {settings.bind!r} would open this cluster to the network before anybody chose a password",
            hint="start on 127.0.0.1 and run `cluster-ai auth set-password`, or put a password into the file "
            f"{settings.paths.secrets / 'admin-password'}",
        )


@asynccontextmanager
async def _already_open(plane: "Plane") -> AsyncIterator["Plane"]:
    yield plane


def _tie_to_parent() -> None:
    from cluster_ai.core.processes import tie_to_parent

    tie_to_parent()


def _shown(settings: Settings) -> str:
    return "localhost" if settings.bind in {"127.0.0.1", "0.0.0.0", "::", "::1"} else settings.bind  # noqa: S104


def _die(error: ClusterError) -> None:
    log.critical("the database is lost to this process", code=error.code, reason=error.message, hint=error.hint)
    # Nothing may be acknowledged any more, not even by a shutdown in good order; the supervisor starts us afresh.
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
