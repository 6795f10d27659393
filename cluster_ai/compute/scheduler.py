"""The scheduler process: on loopback with Dask's dashboard beside it, and for other machines under TLS."""

import asyncio
import warnings
from contextlib import AsyncExitStack
from typing import Any

import structlog
from distributed import Scheduler
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import HTTPError, RequestHandler

from cluster_ai.compute.config import LOOPBACK_NAMES, adopt_logs, refuse_open, refuse_vague, scheduler_values, settle
from cluster_ai.compute.lifetime import asked_to_stop, first_of, refuse_taken
from cluster_ai.compute.link import Link
from cluster_ai.compute.places import Seat
from cluster_ai.compute.plugins import plugins
from cluster_ai.core.errors import Conflict

log = structlog.get_logger(__name__)


def run(seat: Seat, *, saturation: float = 1.1) -> None:
    """Runs the scheduler until SIGTERM or SIGINT.

    Args:
        seat: where it listens.
        saturation: tasks queued on a worker per thread.

    Raises:
        Misconfigured: ``seat.host`` is not loopback, or the address for other machines is none.
        NoCertificate: there is none for the address for other machines.
        Conflict: a port is taken.
    """
    refuse_open(seat.host)
    settle(scheduler_values(dashboard_port=seat.dashboard_port, saturation=saturation, scratch=seat.scratch))
    adopt_logs()
    for taken in (seat.port, seat.dashboard_port):
        refuse_taken(seat.host, taken)
    if seat.outward:
        refuse_vague(seat.outward.host)
        refuse_taken(seat.outward.host, seat.port)
    asyncio.run(_serve(seat))


async def _serve(seat: Seat) -> None:
    link = Link(seat.outward.folder) if seat.outward else None
    scheduler = _scheduler(seat, link)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(scheduler)
        if link:
            await stack.enter_async_context(link.followed())
        listens = [listener.contact_address for listener in scheduler.listeners]
        log.info("scheduler listens", address=listens, dashboard=f"http://{seat.host}:{seat.dashboard_port}/status")
        await first_of(scheduler.finished(), asked_to_stop().wait())
    log.info("scheduler stopped")


def _scheduler(seat: Seat, link: Link | None) -> Any:
    scheduler: Any
    with warnings.catch_warnings():
        # Said of a dashboard port that is taken; it is refused just below.
        warnings.simplefilter("ignore", UserWarning)
        scheduler = Scheduler(
            **_listeners(seat, link),
            dashboard=True,
            dashboard_address=f"{seat.host}:{seat.dashboard_port}",
            plugins=plugins(seat),
        )
    if scheduler.http_server.port != seat.dashboard_port:
        raise Conflict(f"port {seat.dashboard_port} on {seat.host} was taken a moment ago")
    rule = Rule(_ForeignHost(), _Refused)
    scheduler.http_application.default_router.rules.insert(0, rule)
    return scheduler


def _listeners(seat: Seat, link: Link | None) -> dict[str, Any]:
    """The first address is the one that the scheduler calls its own."""
    if seat.outward is None:
        return {"host": seat.host, "port": seat.port}
    return {
        "host": [seat.host, seat.outward.host],
        "port": [seat.port, seat.port],
        "protocol": ["tcp", "tls"],
        "security": link,
    }


class _ForeignHost(Matcher):
    """Matches requests that call this box by another name: a foreign page whose name was pointed at us."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return None if request.host_name.strip("[]").lower() in LOOPBACK_NAMES else {}


class _Refused(RequestHandler):
    def prepare(self) -> None:
        raise HTTPError(403, reason="Unknown host")
