"""What runs in the process of a worker, below its nanny."""

import asyncio
import ctypes
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import httpx2
from distributed import Worker

from cluster_ai.compute.admission import VERSIONS
from cluster_ai.compute.config import adopt_logs, settle, worker_values
from cluster_ai.compute.link import Link
from cluster_ai.compute.tickets.opening import END, Head, ticket_runner
from cluster_ai.compute.versions import here
from cluster_ai.core import logging
from cluster_ai.executors.prompt import new_client
from cluster_ai.executors.script import Scripts

STOP_SECONDS: Final = 3.0
"""Time that running tasks get when the worker is asked to stop."""
PR_SET_PDEATHSIG: Final = 1
LOST: Final = frozenset({"worker-handle-scheduler-connection-broken", "worker-heartbeat-missing"})
"""Dask's reasons for an end that nobody asked for."""
TICKETS_SECONDS: Final = 30 * 86_400.0
"""Each ends by its own limits."""


class OurWorker(Worker):
    """A worker without a web server (Dask starts one even when its dashboard is off), tied to its nanny."""

    def __init__(
        self, *args: Any, environment: str = "", api: Sequence[str] = (), tickets: str = "", **kwargs: Any
    ) -> None:
        # A new process: what it read from somebody's home goes, and a task that holds the GIL cannot outlive its nanny.
        settle(worker_values(Path(kwargs["local_directory"])))
        logging.configure(component=str(kwargs["name"]))
        adopt_logs(level="WARNING")
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        super().__init__(*args, **kwargs)
        self.startup_information[VERSIONS] = partial(_versions, environment)
        self._following = AsyncExitStack()
        self.scripts = Scripts()
        self.handlers["cluster_ai_script_end"] = self._end_script
        self.handlers["cluster_ai_script_output"] = self._script_output
        tls = self.security.for_http() if isinstance(self.security, Link) else None
        folder = Path(tickets or Path(self.local_directory) / "tickets")
        self.tickets = ticket_runner(self, Head(tuple(api), tls), folder)
        self.handlers[END] = self._end_ticket

    @cached_property
    def http(self) -> httpx2.Client:
        """Shared by the tasks that ask the gateway; not opened before the first of them."""
        return new_client()

    def _end_script(self, script_id: str) -> bool:
        return self.scripts.end(script_id)

    def _end_ticket(self, ticket_id: str) -> bool:
        return self.tickets.end(ticket_id)

    def _script_output(self, script_id: str) -> str:
        return self.scripts.output(script_id)

    def start_http_server(self, *_args: Any, **_kwargs: Any) -> None:
        """Opens nothing: the scheduler's dashboard shows this worker, too."""

    async def start_unsafe(self) -> Any:
        """Follows its certificate as long as it runs."""
        if isinstance(self.security, Link):
            await self._following.enter_async_context(self.security.followed())
        await asyncio.to_thread(self.tickets.open)
        return await super().start_unsafe()  # type: ignore[no-untyped-call]

    async def close(self, *args: Any, **kwargs: Any) -> Any:
        """Ends the worker, at once when the scheduler is gone: nobody would take the results of running tasks.

        But for tickets: what came of those is told to the API, which may well be there.
        """
        if kwargs.get("reason") in LOST:
            await asyncio.to_thread(self.tickets.wait_idle, TICKETS_SECONDS)
            kwargs |= {"timeout": STOP_SECONDS, "executor_wait": False}
        await asyncio.to_thread(self.tickets.close, STOP_SECONDS)
        ended = await super().close(*args, **kwargs)
        await self._following.aclose()
        if "http" in vars(self):
            self.http.close()
        return ended


def _versions(environment: str, _worker: Any) -> dict[str, str]:
    return here(environment)
