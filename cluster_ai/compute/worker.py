"""A worker of this box: a nanny on one port, its worker process on another, both on loopback."""

import asyncio
import ctypes
import signal
from pathlib import Path
from typing import Any

import structlog
from distributed import Nanny, Worker

from cluster_ai.compute.config import adopt_logs, refuse_open, settle, worker_values
from cluster_ai.compute.lifetime import refuse_taken, until_asked_to_stop
from cluster_ai.compute.reach import with_scheme
from cluster_ai.compute.types import ComputeSettings
from cluster_ai.core import logging
from cluster_ai.core.errors import Unavailable

log = structlog.get_logger(__name__)

HOST = "127.0.0.1"
STOP_SECONDS = 3.0
"""Time that running tasks get when the worker is asked to stop."""
PR_SET_PDEATHSIG = 1


class LocalWorker(Worker):
    """A worker without a web server (Dask starts one even when its dashboard is off), tied to its nanny."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A new process: what it read from somebody's home goes, and a task that holds the GIL cannot outlive its nanny.
        settle(worker_values(Path(kwargs["local_directory"])))
        logging.configure(component=str(kwargs["name"]))
        adopt_logs(level="WARNING")
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        super().__init__(*args, **kwargs)

    def start_http_server(self, *_args: Any, **_kwargs: Any) -> None:
        """Opens nothing: the scheduler's dashboard shows this worker, too."""

    async def close(self, *args: Any, **kwargs: Any) -> Any:
        """Ends the worker, at once when the scheduler is gone: nobody would take the results of running tasks."""
        if kwargs.get("reason") == "worker-handle-scheduler-connection-broken":
            kwargs |= {"timeout": STOP_SECONDS, "executor_wait": False}
        return await super().close(*args, **kwargs)


def run(settings: ComputeSettings, *, index: int, ports: tuple[int, int], scheduler: str, scratch: Path) -> None:
    """Runs nanny and worker until SIGTERM or SIGINT, or until the scheduler is gone.

    Args:
        settings: threads and memory.
        index: of this worker on the box; its name is ``worker-<index>``.
        ports: the worker's and the nanny's.
        scheduler: its address, with or without ``tcp://``.
        scratch: directory for spilled data.

    Raises:
        Conflict: a port is taken.
        Unavailable: the scheduler is not there, or went away; start again later.
    """
    refuse_open(HOST)
    settle(worker_values(scratch))
    adopt_logs()
    for port in ports:
        refuse_taken(HOST, port)
    nanny = {
        "scheduler_ip": with_scheme(scheduler),
        "worker_port": ports[0],
        "port": ports[1],
        "name": f"worker-{index}",
        "nthreads": settings.threads,
        "memory_limit": settings.memory_limit,
        "resources": {"slot": settings.threads},
        "local_directory": str(scratch),
    }
    asyncio.run(_serve(nanny))


async def _serve(options: dict[str, Any]) -> None:
    nanny = Nanny(
        host=HOST,
        worker_class=LocalWorker,
        dashboard=False,
        preload=[],
        preload_nanny=[],
        silence_logs=False,
        **options,
    )
    try:
        asked = await until_asked_to_stop(_until_gone(nanny))
    except OSError as exc:
        raise Unavailable(f"the scheduler at {nanny.scheduler_addr} does not answer: {exc}") from exc
    finally:
        await nanny.close(timeout=STOP_SECONDS)
    if not asked:
        raise Unavailable(f"the scheduler at {nanny.scheduler_addr} went away", hint="start the scheduler again")
    log.info("worker stopped", name=options["name"])


async def _until_gone(nanny: Any) -> None:
    """Starts the nanny and returns when it has ended by itself."""
    await nanny
    log.info("worker runs", worker=nanny.worker_address, nanny=nanny.address)
    await nanny.finished()
