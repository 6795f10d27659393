"""What a machine's agent answers about models, as a raw ASGI application.

``GET /-/models/NAME`` and ``GET /-/blobs/DIGEST`` (with ranges) are for every machine of the cluster, which may copy
from this one; ``POST /-/copies`` and ``DELETE /-/copies`` are the head's. Who may call what is checked at the door.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from cluster_ai.catalog.copying import Giver, Target, copy
from cluster_ai.catalog.names import Door
from cluster_ai.catalog.shelf import Shelf
from cluster_ai.core.asgi.raw import ClientLeft, header, whole_body
from cluster_ai.core.errors import ClusterError, InvalidInput, NotFound
from cluster_ai.core.wire import dump_json, parse_object

MODELS: Final = "/-/models/"
BLOBS: Final = "/-/blobs/"
COPIES: Final = "/-/copies"
_PIECE: Final = 1024 * 1024
_LONGEST_BODY: Final = 64 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{1,18})-(\d{1,18})?")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ModelsApp:
    """``giver`` makes the other side of a copy from its address, and raises where that is no machine of ours.

    ``target`` is None where this machine's engine takes no models.
    """

    shelf: Shelf
    giver: Callable[[Door], Giver]
    target: Target | None = None

    @staticmethod
    def serves(path: str) -> bool:
        return path == COPIES or path.startswith((MODELS, BLOBS))

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        except ClientLeft:
            return
        except ClusterError as exc:
            status = 404 if isinstance(exc, NotFound) else 400 if isinstance(exc, InvalidInput) else 409
            await _json(send, {"error": exc.message, "code": exc.code}, status=status)

    async def _answer(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        match method:
            case "GET" if path.startswith(MODELS):
                await _bytes(send, await asyncio.to_thread(self.shelf.manifest, path.removeprefix(MODELS)))
            case "GET" if path.startswith(BLOBS):
                await self._blob(path.removeprefix(BLOBS), header(scope, b"range"), send)
            case "POST" if path == COPIES:
                await self._copy(await _object(receive), receive, send)
            case "DELETE" if path == COPIES:
                digests = (await _object(receive)).get("digests")
                if not isinstance(digests, list) or not all(isinstance(one, str) for one in digests):
                    raise InvalidInput("digests must be a list of texts", path="digests")
                await _json(send, {"freed": await asyncio.to_thread(self.shelf.purge, tuple(digests))})
            case _:
                raise NotFound("there is nothing at this path")

    async def _blob(self, digest: str, asked: str, send: Send) -> None:
        file, size = await asyncio.to_thread(self.shelf.open_blob, digest)
        with file:
            first, last = _range(asked, size)
            partial = [(b"content-range", f"bytes {first}-{last}/{size}".encode())] if asked else []
            headers = [(b"content-length", str(last - first + 1).encode()), (b"accept-ranges", b"bytes"), *partial]
            status = 206 if asked else 200
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await _pieces(file, first, last + 1, send)

    async def _copy(self, body: Mapping[str, Any], receive: Receive, send: Send) -> None:
        model, source, addresses = body.get("model"), body.get("source"), body.get("addresses", [])
        if not isinstance(model, str) or not isinstance(source, str):
            raise InvalidInput("model and source must be texts")
        if not isinstance(addresses, list) or not all(isinstance(one, str) for one in addresses):
            raise InvalidInput("addresses must be a list of texts", path="addresses")
        if self.target is None:
            raise InvalidInput("this machine's engine takes no models")
        giver = self.giver(Door(source, tuple(addresses)))
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        telling = asyncio.ensure_future(self._tell(giver, model, send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (telling, leaving):
                task.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)
        if not telling.cancelled():
            telling.result()
            await send({"type": "http.response.body", "body": b""})

    async def _tell(self, giver: Giver, model: str, send: Send) -> None:
        assert self.target is not None
        try:
            async with aclosing(copy(giver, model, self.target)) as steps:
                async for step in steps:
                    record = {"status": step.status}
                    counted = {"digest": step.digest, "total": step.total, "completed": step.completed}
                    await _line(send, record | (counted if step.digest else {}))
        except ClusterError as exc:
            await _line(send, {"error": exc.message, "code": exc.code})


async def _pieces(file: BinaryIO, first: int, end: int, send: Send) -> None:
    def read(at: int, count: int) -> bytes:
        file.seek(at)
        return file.read(count)

    while first < end:
        piece = await asyncio.to_thread(read, first, min(_PIECE, end - first))
        if not piece:
            # It became shorter: the answer ends too early, and the other side sees that by its length.
            break
        first += len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": first < end})
    if first < end:
        raise ConnectionAbortedError("the blob became shorter while it was sent")


def _range(asked: str, size: int) -> tuple[int, int]:
    """First and last byte."""
    if not asked:
        return 0, size - 1
    found = _RANGE.fullmatch(asked)
    first = int(found[1]) if found else size
    if first >= size:
        raise InvalidInput("the range is none of this blob")
    last = int(found[2]) if found and found[2] else size - 1
    if last < first:
        raise InvalidInput("the range is none of this blob")
    return first, min(last, size - 1)


async def _object(receive: Receive) -> dict[str, Any]:
    return parse_object(await whole_body(receive, most=_LONGEST_BODY))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _line(send: Send, record: Mapping[str, Any]) -> None:
    await send({"type": "http.response.body", "body": dump_json(record) + b"\n", "more_body": True})


async def _bytes(send: Send, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _json(send: Send, value: Mapping[str, Any], *, status: int = 200) -> None:
    body = dump_json(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
