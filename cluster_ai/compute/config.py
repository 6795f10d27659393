"""Dask's configuration as this cluster wants it, and nothing that lies about in somebody's home.

Dask reads ``/etc/dask``, ``~/.config/dask`` and ``DASK_*`` at import. A file there could open a port, preload code
or move a directory; our processes throw all of it away and set what they mean.
"""

import logging
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dask.config
import distributed  # noqa: F401 - its defaults must be known before they are set

from cluster_ai.core.errors import Misconfigured

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
HTTP_ROUTES = (
    # Without Dask's proxy to workers' dashboards: it fetches any address for whoever asks.
    "distributed.http.scheduler.prometheus",
    "distributed.http.scheduler.info",
    "distributed.http.scheduler.json",
    "distributed.http.health",
    "distributed.http.statics",
)


def refuse_open(host: str) -> None:
    """Dask runs the code of whoever reaches a port of it in the clear.

    Raises:
        Misconfigured: ``host`` is not a loopback address.
    """
    try:
        inside = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise Misconfigured(
            f"Dask would listen on {host!r}, where anybody who reaches the port runs code on this machine",
            hint="let it listen on 127.0.0.1; other addresses need TLS between the machines",
        )


def refuse_vague(host: str) -> None:
    """Machines are told one address at which to come; ``0.0.0.0`` is none, and takes loopback's port, too.

    Raises:
        Misconfigured: ``host`` stands for every address of this machine.
    """
    try:
        vague = ip_address(host).is_unspecified
    except ValueError:
        vague = not host
    if vague:
        raise Misconfigured(
            f"Dask cannot listen on {host!r} for other machines",
            hint="set [machines] bind to this machine's own address in the LAN",
        )


def settle(values: dict[str, Any]) -> None:
    """Makes ``values`` over Dask's own defaults the whole configuration of this process."""
    dask.config.refresh(paths=[], env={})
    dask.config.set(COMMON_VALUES)
    dask.config.set(values)


def scheduler_values(*, dashboard_port: int, saturation: float, scratch: Path) -> dict[str, Any]:
    """What a scheduler is set to."""
    origins = [f"{name}:{dashboard_port}" for name in ("127.0.0.1", "localhost")]
    return {
        "temporary-directory": str(scratch),
        "distributed.scheduler.worker-saturation": saturation,
        # It goes by the time of day, which can be set; the liveness plugin sees who is dead, and who is stuck.
        "distributed.scheduler.worker-ttl": None,
        # A task that was on a worker when it died is tried once more, not three times.
        "distributed.scheduler.allowed-failures": 1,
        "distributed.scheduler.http.routes": list(HTTP_ROUTES),
        "distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin": origins,
    }


def worker_values(scratch: Path) -> dict[str, Any]:
    """What a nanny and its worker are set to."""
    return {"temporary-directory": str(scratch), "distributed.worker.http.routes": []}


COMMON_VALUES: dict[str, Any] = {
    "distributed.comm.timeouts.connect": "5s",
    # The least that Dask takes: a cut cable is noticed after this.
    "distributed.comm.timeouts.tcp": "11s",
    "distributed.scheduler.preload": [],
    "distributed.worker.preload": [],
    "distributed.nanny.preload": [],
    "distributed.diagnostics.nvml": False,
    # An idle worker takes half as much of a processor as with a look at its threads each 10 ms.
    "distributed.worker.profile.interval": "100ms",
    "distributed.admin.system-monitor.interval": "2s",
    # Whether the loop is held up is seen by looks at it, fifty in each second; it tells of three seconds.
    "distributed.admin.tick.interval": "200ms",
}


def adopt_logs(*, level: str = "INFO") -> None:
    """Dask's log lines go where ours go, once."""
    for name in ("distributed", "distributed.client", "bokeh", "tornado", "tornado.application"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("distributed").setLevel(level)
    # One line for every connection, and for every probe that only knocks, says nothing to anybody.
    for name in ("distributed.core", "distributed.comm"):
        logging.getLogger(name).setLevel("WARNING")
    logging.getLogger("bokeh").setLevel("ERROR")
