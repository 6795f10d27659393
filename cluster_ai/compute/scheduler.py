"""The scheduler process: one on a box, on loopback, with Dask's dashboard beside it."""

import asyncio
import warnings
from pathlib import Path
from typing import Any

import structlog
from distributed import Scheduler
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import HTTPError, RequestHandler

from cluster_ai.compute.config import LOOPBACK_NAMES, adopt_logs, refuse_open, scheduler_values, settle
from cluster_ai.compute.lifetime import asked_to_stop, first_of, refuse_taken
from cluster_ai.compute.liveness import Liveness
from cluster_ai.compute.totals import TaskTotals
from cluster_ai.core.errors import Conflict

log = structlog.get_logger(__name__)


def run(*, host: str, port: int, dashboard_port: int, scratch: Path, saturation: float = 1.1) -> None:
    """Runs the scheduler until SIGTERM or SIGINT.

    Args:
        host: a loopback address.
        port: of the scheduler.
        dashboard_port: of Dask's dashboard, ``/health`` and ``/metrics``.
        scratch: directory for what Dask writes.
        saturation: tasks queued on a worker per thread.

    Raises:
        Misconfigured: ``host`` is not loopback.
        Conflict: a port is taken.
    """
    refuse_open(host)
    settle(scheduler_values(dashboard_port=dashboard_port, saturation=saturation, scratch=scratch))
    adopt_logs()
    for taken in (port, dashboard_port):
        refuse_taken(host, taken)
    asyncio.run(_serve(host, port, dashboard_port))


async def _serve(host: str, port: int, dashboard_port: int) -> None:
    scheduler = _scheduler(host, port, dashboard_port)
    async with scheduler:
        log.info("scheduler listens", address=scheduler.address, dashboard=f"http://{host}:{dashboard_port}/status")
        await first_of(scheduler.finished(), asked_to_stop().wait())
    log.info("scheduler stopped")


def _scheduler(host: str, port: int, dashboard_port: int) -> Any:
    scheduler: Any
    with warnings.catch_warnings():
        # Said of a dashboard port that is taken; it is refused just below.
        warnings.simplefilter("ignore", UserWarning)
        scheduler = Scheduler(
            host=host,
            port=port,
            dashboard=True,
            dashboard_address=f"{host}:{dashboard_port}",
            plugins=[Liveness(), TaskTotals()],
        )
    if scheduler.http_server.port != dashboard_port:
        raise Conflict(f"port {dashboard_port} on {host} was taken a moment ago")
    rule = Rule(_ForeignHost(), _Refused)
    scheduler.http_application.default_router.rules.insert(0, rule)
    return scheduler


class _ForeignHost(Matcher):
    """Matches requests that call this box by another name: a foreign page whose name was pointed at us."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return None if request.host_name.strip("[]").lower() in LOOPBACK_NAMES else {}


class _Refused(RequestHandler):
    def prepare(self) -> None:
        raise HTTPError(403, reason="Unknown host")
