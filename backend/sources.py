"""Where the live picture comes from: four sources behind small protocols, asked side by side, each in bounded time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ValidationError

from backend.host import HostView, ReadHost
from backend.relay import reason_of
from cluster_ai.compute.types import ComputeView
from cluster_ai.core.bodies import read_whole
from cluster_ai.core.errors import ClusterError, NotFound, Unavailable
from cluster_ai.gateway.types import DecisionView, GatewayView
from cluster_ai.gateway.watching.logged import DecisionsView
from cluster_ai.supervisor.types import SupervisorView

__all__ = ["Compute", "Gateway", "HttpGateway", "ReadHost", "Readings", "Sources", "Supervisor", "read"]

ASK_SECONDS = 1.0
COMPUTE_SECONDS = 2.5
"""The watch bounds itself to two seconds and says why it failed; this is behind it."""

ANSWER_SECONDS = 5.0

T = TypeVar("T")
V = TypeVar("V", bound=BaseModel)


class Supervisor(Protocol):
    """What the API needs of ``cluster_ai.supervisor.control.Control``."""

    async def status(self) -> SupervisorView: ...

    async def restart(self, part: str) -> None: ...

    async def add_workers(self, count: int) -> int: ...

    async def scale_workers(self, count: int) -> None: ...


class Compute(Protocol):
    """What the API needs of ``cluster_ai.compute.watch.SchedulerWatch``."""

    async def view(self, *, resting: Collection[str] | None = None) -> ComputeView: ...


class Seen(Protocol):
    """Dask as the live picture has it."""

    async def view(self) -> ComputeView: ...


@dataclass(frozen=True, slots=True)
class Rested:
    """Tells the scheduler with each look which machines get no new work: a cordon is for tasks as for calls."""

    compute: Compute
    resting: Callable[[], Collection[str]]

    async def view(self) -> ComputeView:
        return await self.compute.view(resting=self.resting())


class Gateway(Protocol):
    """What the API needs of the gateway."""

    async def view(self) -> GatewayView: ...


@dataclass(frozen=True, slots=True)
class Sources:
    gateway: Gateway
    supervisor: Supervisor
    compute: Seen
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


class Forgotten(NotFound):
    """The gateway keeps the last decisions only, and this is none of them."""

    code = "decision_forgotten"


class HttpGateway:
    """The gateway's own account of itself."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, token: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def view(self) -> GatewayView:
        """What it says now.

        Raises:
            Unavailable: it does not answer, or not as our gateway does.
        """
        return await self._ask("/-/state", GatewayView)

    async def decisions(self, *, limit: int) -> DecisionsView:
        """Its last decisions, newest first. Raises as ``view``."""
        return await self._ask(f"/-/decisions?limit={limit}", DecisionsView)

    async def decision(self, request_id: str) -> DecisionView:
        """Why that request went where it went. Raises as ``view``, and:

        Raises:
            Forgotten: the gateway does not know it, or not any more.
        """
        found = await self._ask(f"/-/decisions?id={quote(request_id, safe='')}", DecisionsView)
        if not found.items:
            raise Forgotten(
                f"the gateway does not remember {request_id}: it keeps its last decisions until it stops",
                hint="cluster-ai gateway log",
            )
        return found.items[0]

    async def _ask(self, path: str, kind: type[V]) -> V:
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._session.get(self._url + path, headers=self._headers, allow_redirects=False) as response,
            ):
                body = await read_whole(response.content, 8 * 1024 * 1024)
        except (aiohttp.ClientError, OSError) as exc:
            raise Unavailable(reason_of(exc)) from exc
        if response.status != 200:  # noqa: PLR2004 - the status of HTTP is its own name
            raise Unavailable(f"the gateway answered {response.status}")
        try:
            return kind.model_validate_json(body)
        except ValidationError as exc:
            raise Unavailable("what answers is not our gateway") from exc
