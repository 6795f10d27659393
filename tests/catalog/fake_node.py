"""A node with an Ollama of its own and our agent: models are real files in a real folder, pulls are real downloads."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from cluster_ai.catalog.serving import ModelsApp
from cluster_ai.catalog.shelf import Shelf, check_digest, rows_of
from cluster_ai.catalog.types import Holding, ModelRef


@dataclass
class FakeNode:
    """``room`` is what its disk holds, in bytes. ``cut_after`` breaks the next pull or copy off after so many bytes."""

    name: str
    folder: Path
    library: str
    room: int = 10**9
    cut_after: int | None = None
    agent: ModelsApp | None = None
    loaded: dict[str, float] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    """When it got models, Unix seconds; the others just now."""
    pulls: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        for name in ("blobs", "manifests"):
            (self.folder / name).mkdir(parents=True)

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.folder)

    def holdings(self) -> tuple[tuple[str, Holding], ...]:
        found = []
        for path in sorted((self.folder / "manifests").rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                owner, name, tag = path.parts[-3:]
                model = f"{name}:{tag}" if owner == "library" else f"{owner}/{name}:{tag}"
                body = path.read_bytes()
                size = sum(row["size"] for row in rows_of(body))
                held = Holding(node=self.name, digest=hashlib.sha256(body).hexdigest(), size=size)
                found.append((model, held.model_copy(update={"loaded": model in self.loaded})))
        return tuple(found)

    def modified_at(self, model: str) -> str:
        """As Ollama writes it: nine digits after the point, in the node's own zone."""
        at = datetime.fromtimestamp(self.changed.get(model, time.time()), timezone(timedelta(hours=-3)))
        return at.strftime("%Y-%m-%dT%H:%M:%S.%f123-03:00")

    def files(self) -> set[str]:
        """Names of everything under ``blobs``."""
        return {path.name for path in (self.folder / "blobs").iterdir()}

    def taken(self) -> int:
        return sum(path.stat().st_size for path in (self.folder / "blobs").iterdir())

    # -- Ollama

    async def tags(self, _request: Request) -> Response:
        held = await asyncio.to_thread(self.holdings)
        rows = [
            {"name": name, "model": name, "digest": one.digest, "size": one.size, "modified_at": self.modified_at(name)}
            for name, one in held
        ]
        return JSONResponse({"models": rows})

    async def ps(self, _request: Request) -> Response:
        return JSONResponse({"models": [{"name": name, "size": 1000} for name in self.loaded]})

    async def show(self, request: Request) -> Response:
        body = await request.json()
        kind = "embedding" if "embed" in body["model"] else "completion"
        return JSONResponse({"capabilities": [kind]})

    async def generate(self, request: Request) -> Response:
        body = await request.json()
        if body.get("keep_alive") == 0:
            self.loaded.pop(body["model"], None)
        else:
            self.loaded[body["model"]] = body.get("keep_alive", 300)
        return JSONResponse({"done": True})

    async def delete(self, request: Request) -> Response:
        ref = ModelRef.of((await request.json())["model"])
        path = Path(self.folder, "manifests", ref.host, ref.path, ref.tag)
        if not await asyncio.to_thread(path.exists):
            return JSONResponse({"error": f"model '{ref}' not found"}, 404)
        await asyncio.to_thread(path.unlink)
        return Response()

    async def copy(self, request: Request) -> Response:
        body = await request.json()
        manifest = await asyncio.to_thread(self.shelf.manifest, body["source"])
        await asyncio.to_thread(self.shelf.install, body["destination"], manifest)
        return Response()

    async def pull(self, request: Request) -> Response:
        self.pulls += 1
        return StreamingResponse(self.steps((await request.json())["model"]), media_type="application/x-ndjson")

    async def steps(self, model: str) -> AsyncIterator[bytes]:
        ref = ModelRef.of(model)
        async with httpx2.AsyncClient(base_url=self.library, trust_env=False) as client:
            yield line(status="pulling manifest")
            answer = await client.get(f"/v2/{ref.path}/manifests/{ref.tag}")
            if answer.status_code != 200:
                yield line(error="pull model manifest: file does not exist")
                return
            for row in rows_of(answer.content):
                if await asyncio.to_thread(self.shelf.has, row["digest"], row["size"]):
                    continue
                async for told in self.fetch(client, f"/v2/{ref.path}/blobs/{row['digest']}", row):
                    yield told
                    if b'"error"' in told:
                        return
            await asyncio.to_thread(self.shelf.install, model, answer.content)
        yield line(status="success")

    async def fetch(self, client: httpx2.AsyncClient, path: str, row: dict[str, Any]) -> AsyncIterator[bytes]:
        blob = self.shelf.blob(row["digest"])
        part = blob.with_name(f"{blob.name}-partial")
        have = await asyncio.to_thread(lambda: part.stat().st_size if part.exists() else 0)
        counted = {"status": f"pulling {row['digest'][7:19]}", "digest": row["digest"], "total": row["size"]}
        async with client.stream("GET", path, headers={"range": f"bytes={have}-"}) as answer:
            async for piece in answer.aiter_bytes(64 * 1024):
                if await asyncio.to_thread(self.taken) + len(piece) > self.room:
                    yield line(error="write blob: no space left on device")
                    return
                await asyncio.to_thread(append, part, piece)
                have += len(piece)
                yield line(completed=have, **counted)
                if self.cut_after is not None and have >= self.cut_after:
                    self.cut_after = None
                    raise ConnectionAbortedError("the cable was pulled")
        await asyncio.to_thread(check_digest, part, row["digest"])
        await asyncio.to_thread(part.replace, blob)

    # -- the agent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.agent is not None and ModelsApp.serves(scope["path"]):
            await self.agent(scope, receive, send)
            return
        await self._ollama(scope, receive, send)

    async def _ollama(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = Starlette(
            routes=[
                Route("/api/tags", self.tags),
                Route("/api/ps", self.ps),
                Route("/api/show", self.show, methods=["POST"]),
                Route("/api/generate", self.generate, methods=["POST"]),
                Route("/api/embed", self.generate, methods=["POST"]),
                Route("/api/delete", self.delete, methods=["DELETE"]),
                Route("/api/copy", self.copy, methods=["POST"]),
                Route("/api/pull", self.pull, methods=["POST"]),
            ]
        )
        await app(scope, receive, send)


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def append(path: Path, piece: bytes) -> None:
    with path.open("ab") as file:
        file.write(piece)
