"""A registry of models on a port of this machine, with faults: manifests, and blobs by range."""

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

PIECE = 64 * 1024
KIND = "application/vnd.ollama.image."


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def noise(size: int, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(size)


@dataclass
class FakeLibrary:
    """``served`` counts the bytes of each blob, ``asked`` the requests for it."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    served: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    pause: float = 0.0
    """Seconds between two pieces."""
    status: int = 200
    moved: str = ""
    """Where blobs are said to be."""

    def add(self, name: str, tag: str, model: bytes, **others: bytes) -> str:
        """A model of one file and some small ones; the digest of its manifest."""
        parts = {"model": model, "template": b"{{ .Prompt }}", "params": b'{"stop": ["<end>"]}', **others}
        config = b'{"model_format": "gguf"}'
        self.blobs |= {digest_of(data): data for data in [*parts.values(), config]}
        rows = [
            {"mediaType": KIND + kind, "digest": digest_of(data), "size": len(data)} for kind, data in parts.items()
        ]
        about = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": digest_of(config)}
        made: dict[str, Any] = {"schemaVersion": 2, "config": {**about, "size": len(config)}, "layers": rows}
        self.manifests[f"library/{name}:{tag}"] = body = json.dumps(made).encode()
        return hashlib.sha256(body).hexdigest()

    async def manifest(self, request: Request) -> Response:
        found = self.manifests.get(f"{request.path_params['path']}:{request.path_params['tag']}")
        if self.status != 200:
            return JSONResponse({}, self.status)
        return Response(found, media_type="application/json") if found else JSONResponse({}, 404)

    async def blob(self, request: Request) -> Response:
        digest = request.path_params["digest"]
        if self.moved:
            return Response(status_code=307, headers={"location": self.moved})
        data = self.blobs.get(digest)
        if data is None:
            return JSONResponse({}, 404)
        self.asked[digest] += 1
        first, last = 0, len(data) - 1
        if asked := request.headers.get("range", ""):
            self.ranges.append(asked)
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or last), last)
        headers = {"content-length": str(last - first + 1), "content-range": f"bytes {first}-{last}/{len(data)}"}
        return StreamingResponse(self.pieces(digest, first, last + 1), 206 if asked else 200, headers)

    async def pieces(self, digest: str, first: int, end: int) -> AsyncIterator[bytes]:
        while first < end:
            piece = self.blobs[digest][first : min(first + PIECE, end)]
            self.served[digest] += len(piece)
            first += len(piece)
            yield piece
            if self.pause:
                await asyncio.sleep(self.pause)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v2/{path:path}/manifests/{tag}", self.manifest),
                Route("/v2/{path:path}/blobs/{digest}", self.blob),
            ]
        )
