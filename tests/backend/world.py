"""What stands around the API in its tests: a real small gateway and node over HTTP, and two small neighbours."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cluster_ai.compute.types import ComputeView, WorkerView
from cluster_ai.core.errors import InvalidInput, Unavailable
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
    pull_status: int = 200
    requests: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0
    ordered: list[tuple[str, object]] = field(default_factory=list)

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

    # -- the scheduler's watch

    async def view(self) -> ComputeView:
        return self.compute

    # -- the gateway and the nodes

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
        if self.pull_status != 200:
            return JSONResponse({"error": "pull model manifest: file does not exist"}, self.pull_status)
        lines = [{"status": "pulling manifest"}, {"status": "success"}]
        return StreamingResponse((json.dumps(line) + "\n" for line in lines), media_type="application/x-ndjson")

    async def _delete(self, request: Request) -> Response:
        await self._note(request)
        return Response(status_code=self.pull_status)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/-/state", self._state),
                Route("/api/chat", self._chat, methods=["POST"]),
                Route("/api/pull", self._pull, methods=["POST"]),
                Route("/api/delete", self._delete, methods=["DELETE"]),
            ]
        )
