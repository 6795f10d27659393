"""What stands around the API in its tests: a small gateway over HTTP, and two small neighbours."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cluster_ai.compute.job_types import JobDetail, JobRequest, JobView
from cluster_ai.compute.types import ComputeView, WorkerView
from cluster_ai.core.errors import InvalidInput, NotFound, Unavailable
from cluster_ai.gateway.types import (
    BreakerState,
    GatewayView,
    ModelView,
    Totals,
    UpstreamKind,
    UpstreamState,
    UpstreamView,
)
from cluster_ai.supervisor.types import PartState, PartView, SupervisorView

INTERNAL = "internal-token-of-the-tests"
PARTS = ("scheduler", "worker-0", "node", "gateway", "backend")


WITH_WORKER = ComputeView(
    reachable=True,
    address="tcp://127.0.0.1:1",
    workers=(WorkerView(name="worker-0", address="tcp://127.0.0.1:2", host="127.0.0.1", threads=1),),
)


def upstream(name: str, url: str, **more: Any) -> UpstreamView:
    values: dict[str, Any] = {
        "kind": UpstreamKind.OLLAMA,
        "state": UpstreamState.HEALTHY,
        "breaker": BreakerState.CLOSED,
        "models": (ModelView(name="smollm2:135m", size=100), ModelView(name="all-minilm:latest", loaded=True)),
    }
    return UpstreamView(name=name, url=url, **(values | more))


@dataclass
class World:
    """Everything that can go wrong, as plain fields that tests set."""

    url: str = ""
    gateway: GatewayView = field(default_factory=lambda: GatewayView(started_at=1.0))
    gateway_status: int = 200
    hang: bool = False
    supervised: bool = True
    parts: tuple[PartView, ...] = tuple(PartView(name=name, state=PartState.READY) for name in PARTS)
    compute: ComputeView = WITH_WORKER
    chat: list[dict[str, Any]] = field(default_factory=lambda: [{"message": {"content": "Paris"}, "done": True}])
    chat_status: int = 200
    chat_dies: bool = False
    chat_waits: bool = False
    pull: list[dict[str, Any]] = field(default_factory=lambda: [{"status": "pulling"}, {"status": "success"}])
    pull_refused: tuple[int, dict[str, Any]] | None = None
    pull_waits: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0
    handed_in: dict[str, JobDetail] = field(default_factory=dict)
    ordered: list[tuple[str, object]] = field(default_factory=list)
    resting: Collection[str] | None = None
    """Machines that the scheduler was told to leave in peace."""

    # -- the supervisor

    async def status(self) -> SupervisorView:
        if not self.supervised:
            raise Unavailable("no supervisor runs")
        return SupervisorView(pid=1, version="1", home="/h", started_at=1.0, ready=True, parts=self.parts)

    async def restart(self, part: str) -> None:
        await self.status()
        self.ordered.append(("restart", part))

    async def add_workers(self, count: int) -> int:
        await self.status()
        if count > 15:
            raise InvalidInput("there can be 0 to 16 local workers", path="count")
        self.ordered.append(("add", count))
        return 1 + count

    async def scale_workers(self, count: int) -> None:
        await self.status()
        self.ordered.append(("scale", count))

    # -- the desk for jobs

    async def submit(self, request: JobRequest) -> JobView:
        job = JobDetail(id=f"job-{len(self.handed_in)}", name=request.name, function=request.function)
        self.handed_in[job.id] = job
        return job

    async def jobs(self) -> tuple[JobView, ...]:
        return tuple(self.handed_in.values())

    async def job(self, job_id: str) -> JobDetail:
        if job_id not in self.handed_in:
            raise NotFound(f"there is no job {job_id}")
        return self.handed_in[job_id]

    async def cancel(self, job_id: str) -> JobView:
        return await self.job(job_id)

    # -- the scheduler's watch

    async def view(self, *, resting: Collection[str] | None = None) -> ComputeView:
        self.resting = resting
        return self.compute

    # -- the gateway

    def serve_nodes(self, *names: str, **more: Any) -> None:
        nodes = tuple(upstream(name, self.url, **more) for name in names)
        self.gateway = self.gateway.model_copy(update={"upstreams": nodes, "totals": Totals(requests=5)})

    async def _note(self, request: Request) -> None:
        body = await request.body()
        self.requests.append(
            {
                "path": request.scope["path"],
                "headers": dict(request.headers),
                "body": json.loads(body) if body else None,
            }
        )

    async def _state(self, request: Request) -> Response:
        if self.hang:
            await asyncio.sleep(3600)
        good = request.headers.get("authorization") == f"Bearer {INTERNAL}"
        if not good or self.gateway_status != 200:
            return JSONResponse({}, 401 if not good else self.gateway_status)
        return JSONResponse(self.gateway.model_dump(mode="json"))

    async def _decisions(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {INTERNAL}":
            return JSONResponse({}, 401)
        if self.gateway_status != 200:
            return JSONResponse({}, self.gateway_status)
        asked, rows = request.query_params, self.gateway.decisions[::-1]
        rows = tuple(row for row in rows if row.request_id == asked.get("id", row.request_id))
        return JSONResponse({"items": [row.model_dump(mode="json") for row in rows[: int(asked.get("limit", 1))]]})

    async def _chat(self, request: Request) -> Response:
        await self._note(request)
        if self.chat_status != 200:
            headers = {"retry-after": "7"}
            return JSONResponse({"error": "said the gateway"}, self.chat_status, headers=headers)
        headers = {"X-Cluster-Node": "n1", "X-Cluster-Why": "resident, 0 in flight", "X-Cluster-Attempts": "1"}
        if self.chat_waits:
            await self._wait_for_leaving(request)
        return StreamingResponse(self._lines(), media_type="application/x-ndjson", headers=headers)

    async def _wait_for_leaving(self, request: Request) -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        self.left += 1

    async def _lines(self) -> AsyncIterator[str]:
        for line in self.chat:
            yield json.dumps(line) + "\n"
            await asyncio.sleep(0.01)
        if self.chat_dies:
            raise ConnectionResetError

    async def _pull(self, request: Request) -> Response:
        await self._note(request)
        if self.pull_refused:
            status, said = self.pull_refused
            return JSONResponse(said, status)
        headers = {"X-Cluster-Node": "n1"}
        return StreamingResponse(self._progress(), media_type="application/x-ndjson", headers=headers)

    async def _progress(self) -> AsyncIterator[str]:
        for line in self.pull:
            yield json.dumps(line) + "\n"
        while self.pull_waits:
            await asyncio.sleep(0.01)

    async def _delete(self, request: Request) -> Response:
        await self._note(request)
        model = self.requests[-1]["body"]["model"]
        having = [node.name for node in self.gateway.upstreams if model in {held.name for held in node.models}]
        if not having:
            return JSONResponse({"error": f"model '{model}' not found", "code": "not_found"}, 404)
        return Response(headers={"X-Cluster-Node": ", ".join(having)})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/-/state", self._state),
                Route("/-/decisions", self._decisions),
                Route("/api/chat", self._chat, methods=["POST"]),
                Route("/api/pull", self._pull, methods=["POST"]),
                Route("/api/delete", self._delete, methods=["DELETE"]),
            ]
        )
