"""A small backend that speaks the management API, for tests of clients: a process of its own, steered over HTTP.

``POST /-/overview`` sets the snapshot and publishes it; ``POST /-/script`` sets what is wrong (see ``Script``).
``--tick`` publishes by itself, with figures that move, for benchmarks. Prints its port on the first line.
"""

import argparse
import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cluster_ai.core.bus import Bus
from tests.tui.samples import cluster, moved

TOKEN = "a-token-for-tests"


@dataclass
class Script:
    """What the API does wrong. ``status`` answers every call with that problem; ``hang`` never answers;
    ``cut`` ends each live stream after that many messages; ``quiet`` opens streams and sends nothing."""

    status: int = 0
    code: str = ""
    detail: str = ""
    hint: str = ""
    retry_after: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)
    hang: bool = False
    cut: int = 0
    quiet: bool = False
    forbidden_topics: list[str] = field(default_factory=list)
    garbage: bool = False
    pull: list[dict[str, Any]] = field(default_factory=lambda: [{"status": "pulling"}, {"status": "success"}])
    chat: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class World:
    overview: dict[str, Any]
    script: Script = field(default_factory=Script)
    bus: Bus = field(default_factory=Bus)
    asked: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0
    answers: dict[str, Any] = field(default_factory=dict)
    """By path below ``/api/v1``: what is answered there; ``METHOD /path`` for another than GET."""

    def publish(self) -> int:
        return self.bus.publish("overview", self.overview).number


def problem(script: Script) -> Response:
    body: dict[str, Any] = {"type": "about:blank", "title": "Wrong", "status": script.status, "detail": script.detail}
    body |= {"code": script.code, "hint": script.hint, "errors": script.errors}
    headers = {"retry-after": script.retry_after} if script.retry_after else {}
    return JSONResponse(body, script.status, headers=headers, media_type="application/problem+json")


async def api(request: Request) -> Response:
    """Every route of the API."""
    world: World = request.app.state.world
    body = await request.body()
    world.asked.append(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": dict(request.query_params),
            "body": json.loads(body) if body else None,
            "authorization": request.headers.get("authorization", ""),
        }
    )
    script = world.script
    if script.hang:
        await asyncio.sleep(3600)
    if script.garbage:
        return Response("<html>It works!</html>", media_type="text/html")
    if script.status:
        return problem(script)
    if request.headers.get("authorization") != f"Bearer {TOKEN}" and request.scope["path"] != "/ready":
        return problem(Script(status=401, code="unauthenticated", detail="sign in first", hint="cluster-ai auth"))
    return answer(world, request)


def answer(world: World, request: Request) -> Response:
    overview, path = world.overview, request.scope["path"].removeprefix("/api/v1")
    lists = {"/nodes": overview["nodes"], "/models": overview["models"], "/workers": overview["compute"]["workers"]}
    if request.method == "GET" and path in lists:
        return JSONResponse({"items": lists[path]})
    if path.startswith("/nodes/"):
        found = [node for node in overview["nodes"] if node["name"] == path.removeprefix("/nodes/")]
        return JSONResponse(found[0]) if found else problem(Script(status=404, code="not_found", detail="no such node"))
    named = path if request.method == "GET" else f"{request.method} {path}"
    if cursor := request.query_params.get("cursor"):
        named += f"?cursor={cursor}"
    if named in world.answers:
        return JSONResponse(world.answers[named])
    plain = {
        "/overview": overview,
        "/system": overview["system"],
        "/compute": overview["compute"],
        "/auth/me": {"user": {"id": "1", "name": "admin", "role": "admin"}, "csrf": ""},
    }
    if path in plain:
        return JSONResponse(plain[path])
    if path == "/ready":
        return JSONResponse({"ready": False, "checks": [{"name": "scheduler", "ok": False, "hint": "x"}]}, 503)
    return streamed(world, request, path)


def streamed(world: World, request: Request, path: str) -> Response:
    if path in {"/events", "/logs/tail"}:
        if set(world.script.forbidden_topics) & set(request.query_params.get("topics", "").split(",")):
            return problem(Script(status=403, code="forbidden", detail="not for you"))
        return StreamingResponse(events(world, request), media_type="text/event-stream")
    if request.method == "DELETE":
        return JSONResponse({"nodes": request.query_params.getlist("node")})
    if path.endswith("/pull"):
        return lines(world.script.pull)
    if path == "/chat":
        why = {"X-Cluster-Node": "n1", "X-Cluster-Why": "resident", "X-Cluster-Attempts": "2"}
        return StreamingResponse(spoken(world), media_type="application/x-ndjson", headers=why)
    return JSONResponse({}, 202)


async def spoken(world: World) -> AsyncIterator[str]:
    """The lines of an answer; after a line without text the model thinks for an hour."""
    try:
        for line in world.script.chat:
            if not line:
                await asyncio.sleep(3600)
            yield json.dumps(line) + "\n"
    finally:
        world.left += 1


def lines(of: list[dict[str, Any]], **headers: str) -> Response:
    return StreamingResponse(
        (json.dumps(line) + "\n" for line in of), media_type="application/x-ndjson", headers=headers
    )


async def events(world: World, request: Request) -> AsyncIterator[str]:
    after = request.query_params.get("after")
    yield ": hello\n\n"
    try:
        if world.script.quiet:
            await asyncio.sleep(3600)
        lines = request.scope["path"].endswith("/tail")
        topics = ("log",) if lines else tuple(request.query_params.get("topics", "overview,events").split(","))
        async for text in followed(world, topics, None if after is None or lines else int(after)):
            yield text
    finally:
        world.left += 1


async def followed(world: World, topics: tuple[str, ...], after: int | None) -> AsyncIterator[str]:
    sent = 0
    with world.bus.subscribe(*topics, after=after) as messages:
        if after is None and "overview" in topics and world.bus.last_number:
            yield event(world.bus.last_number, "overview", world.overview)
            sent += 1
        while not world.script.cut or sent < world.script.cut:
            message = await messages.next()
            yield event(message.number, message.topic, message.data)
            sent += 1


def event(number: int, topic: str, data: Any) -> str:
    whole = json.dumps({"number": number, "topic": topic, "data": data})
    return f"id: {number}\nevent: {topic}\ndata: {whole}\n\n"


async def set_overview(request: Request) -> Response:
    world: World = request.app.state.world
    world.overview = await request.json()
    return JSONResponse({"number": world.publish()})


async def set_answers(request: Request) -> Response:
    request.app.state.world.answers = await request.json()
    return JSONResponse({})


async def publish(request: Request) -> Response:
    world: World = request.app.state.world
    said = await request.json()
    return JSONResponse({"number": world.bus.publish(said["topic"], said["data"]).number})


async def set_script(request: Request) -> Response:
    request.app.state.world.script = Script(**await request.json())
    return JSONResponse({})


async def asked(request: Request) -> Response:
    world: World = request.app.state.world
    return JSONResponse({"asked": world.asked, "left": world.left, "number": world.bus.last_number})


def app(world: World, *, tick: float) -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(ticking(world, tick)) if tick else None
        yield
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    routes = [
        Route("/-/overview", set_overview, methods=["POST"]),
        Route("/-/script", set_script, methods=["POST"]),
        Route("/-/answers", set_answers, methods=["POST"]),
        Route("/-/publish", publish, methods=["POST"]),
        Route("/-/asked", asked),
        Route("/{path:path}", api, methods=["GET", "POST", "DELETE"]),
    ]
    made = Starlette(routes=routes, lifespan=lifespan)
    made.state.world = world
    return made


async def ticking(world: World, tick: float) -> None:
    step = 0
    while True:
        step += 1
        world.overview = moved(world.overview, step)
        world.publish()
        await asyncio.sleep(tick)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--tick", type=float, default=0.0)
    args = parser.parse_args()
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", args.port))
    sock.listen()
    print(sock.getsockname()[1], flush=True)
    world = World(cluster(nodes=args.nodes))
    config = uvicorn.Config(app(world, tick=args.tick), log_config=None, timeout_graceful_shutdown=1)
    asyncio.run(uvicorn.Server(config).serve(sockets=[sock]))


if __name__ == "__main__":
    main()
