"""Where the live picture comes from: four sources behind small protocols, asked side by side, each in bounded time."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import aiohttp
import psutil
from pydantic import ValidationError

from backend.relay import reason_of
from cluster_ai.compute.types import ComputeView
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.gateway.types import GatewayView
from cluster_ai.supervisor.types import SupervisorView
from cluster_ai.views import HostView

ASK_SECONDS = 1.0
COMPUTE_SECONDS = 2.5
"""The watch bounds itself to two seconds and says why it failed; this is behind it."""

T = TypeVar("T")


ReadHost = Callable[[], HostView]


class Supervisor(Protocol):
    """What the API needs of ``cluster_ai.supervisor.control.Control``."""

    async def status(self) -> SupervisorView: ...

    async def restart(self, part: str) -> None: ...

    async def add_workers(self, count: int) -> int: ...


class Compute(Protocol):
    """What the API needs of ``cluster_ai.compute.watch.SchedulerWatch``."""

    async def view(self) -> ComputeView: ...


class Gateway(Protocol):
    """What the API needs of the gateway."""

    async def view(self) -> GatewayView: ...


@dataclass(frozen=True, slots=True)
class Sources:
    gateway: Gateway
    supervisor: Supervisor
    compute: Compute
    host: ReadHost


@dataclass(frozen=True, slots=True)
class Silent:
    """A source that gave no answer, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Readings:
    """One round of answers. ``at`` in Unix seconds."""

    at: float
    gateway: GatewayView | Silent
    supervisor: SupervisorView | Silent
    compute: ComputeView
    host: HostView


async def read(sources: Sources, *, at: float) -> Readings:
    """Asks all of them; none can delay or spoil the others."""
    async with asyncio.TaskGroup() as group:
        gateway = group.create_task(_ask(sources.gateway.view(), seconds=ASK_SECONDS))
        supervisor = group.create_task(_ask(sources.supervisor.status(), seconds=ASK_SECONDS))
        compute = group.create_task(_ask(sources.compute.view(), seconds=COMPUTE_SECONDS))
        host = group.create_task(asyncio.to_thread(sources.host))
    seen = compute.result()
    if isinstance(seen, Silent):
        seen = ComputeView(reachable=False, address="", error=seen.reason)
    return Readings(at, gateway.result(), supervisor.result(), seen, host.result())


async def _ask(answer: Awaitable[T], *, seconds: float) -> T | Silent:
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        return Silent(f"no answer within {seconds:.0f} s")
    except ClusterError as exc:
        return Silent(exc.message)
    except OSError as exc:
        return Silent(str(exc) or type(exc).__name__)


class HttpGateway:
    """The gateway's own account of itself."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, token: str) -> None:
        self._session = session
        self._url = f"{url}/-/state"
        self._headers = {"Authorization": f"Bearer {token}"}

    async def view(self) -> GatewayView:
        """What it says now.

        Raises:
            Unavailable: it does not answer, or not as our gateway does.
        """
        try:
            async with self._session.get(self._url, headers=self._headers, allow_redirects=False) as response:
                body = await response.content.read(8 * 1024 * 1024)
        except aiohttp.ClientError as exc:
            raise Unavailable(reason_of(exc)) from exc
        if response.status != 200:  # noqa: PLR2004 - the status of HTTP is its own name
            raise Unavailable(f"the gateway answered {response.status}")
        try:
            return GatewayView.model_validate_json(body)
        except ValidationError as exc:
            raise Unavailable("what answers is not our gateway") from exc


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """Reads this machine; ``home`` says whose disk counts."""

    home: Path

    def __call__(self) -> HostView:
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self.home))
        return HostView(
            hostname=socket.gethostname(),
            cores=psutil.cpu_count() or 1,
            # Since the last call: the loop's own pace is the window.
            cpu=psutil.cpu_percent(interval=None),
            memory_total=memory.total,
            memory_used=memory.total - memory.available,
            disk_total=disk.total,
            disk_used=disk.used,
        )
