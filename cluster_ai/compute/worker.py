"""A worker of this box: a nanny on one port, its worker process on another, both on loopback."""

import asyncio
import ctypes
import signal
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import structlog
from distributed import Nanny, Worker

from cluster_ai.compute.config import adopt_logs, refuse_open, settle, worker_values
from cluster_ai.compute.lifetime import asked_to_stop, first_of, refuse_taken
from cluster_ai.compute.reach import with_scheme
from cluster_ai.compute.types import ComputeSettings
from cluster_ai.core import logging
from cluster_ai.core.errors import Unavailable
from cluster_ai.executors.prompt import new_client

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

    @cached_property
    def http(self) -> httpx2.Client:
        """Shared by the tasks that ask the gateway; not opened before the first of them."""
        return new_client()

    def start_http_server(self, *_args: Any, **_kwargs: Any) -> None:
        """Opens nothing: the scheduler's dashboard shows this worker, too."""

    async def close(self, *args: Any, **kwargs: Any) -> Any:
        """Ends the worker, at once when the scheduler is gone: nobody would take the results of running tasks."""
        if kwargs.get("reason") == "worker-handle-scheduler-connection-broken":
            kwargs |= {"timeout": STOP_SECONDS, "executor_wait": False}
        ended = await super().close(*args, **kwargs)
        if "http" in vars(self):
            self.http.close()
        return ended


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
    asked = asked_to_stop()
    starting = asyncio.ensure_future(_started(nanny))
    await first_of(starting, asked.wait())
    # A nanny that is half started cannot be closed: it gets a moment. If that is too short, its processes end with it.
    await asyncio.wait([starting], timeout=STOP_SECONDS)
    if not starting.done():
        starting.cancel()
        return
    starting.result()
    log.info("worker runs", worker=nanny.worker_address, nanny=nanny.address)
    await first_of(nanny.finished(), asked.wait())  # type: ignore[no-untyped-call]
    await nanny.close(timeout=STOP_SECONDS)
    if not asked.is_set():
        raise Unavailable(f"the scheduler at {nanny.scheduler_addr} went away", hint="start the scheduler again")
    log.info("worker stopped", name=options["name"])


async def _started(nanny: Any) -> None:
    try:
        await nanny
    except (RuntimeError, OSError) as exc:
        raise Unavailable(
            f"the worker cannot start with the scheduler at {nanny.scheduler_addr}: {exc.__cause__ or exc}"
        ) from exc
