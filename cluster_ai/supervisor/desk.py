"""The supervisor's side of the socket: what is asked there, and the answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from cluster_ai.core.errors import ClusterError, Conflict, Forbidden, InvalidInput, NotFound
from cluster_ai.core.wire import dump_json, parse_object
from cluster_ai.supervisor import sockets
from cluster_ai.supervisor.http import HEAD_BYTES, BadMessage, Request, Response, read_request, render
from cluster_ai.supervisor.types import SupervisorView

ASK_SECONDS = 5.0
_STATUS: dict[type[ClusterError], int] = {NotFound: 404, Conflict: 409, InvalidInput: 422, Forbidden: 403}


class Asked(Protocol):
    """What the desk passes on."""

    def status(self) -> SupervisorView: ...

    def restart(self, part: str) -> None: ...

    def stop(self) -> None: ...

    def scale_workers(self, count: int) -> int: ...

    def add_workers(self, count: int) -> int: ...


@asynccontextmanager
async def open_desk(folder: Path, asked: Asked) -> AsyncIterator[None]:
    """Answers on the socket in ``folder`` as long as the block lasts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever hangs up in the middle, or says nothing, concerns nobody.
        with contextlib.suppress(OSError, TimeoutError, BadMessage):
            async with asyncio.timeout(ASK_SECONDS):
                writer.write(render(await _answer(reader, writer, asked)))
                await writer.drain()
        writer.close()

    with sockets.listening(folder) as sock:
        server = await asyncio.start_unix_server(serve, sock=sock, limit=HEAD_BYTES)
        async with server:
            yield


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> Response:
    try:
        request = await read_request(reader)
        if not sockets.is_ours(writer):
            raise Forbidden("this socket is for the owner of the cluster")
        return _decide(request, asked)
    except ClusterError as exc:
        status = next((code for kind, code in _STATUS.items() if isinstance(exc, kind)), 500)
        said = {"code": exc.code, "message": exc.message, "hint": exc.hint, "values": dict(exc.values)}
        return Response(status, dump_json(said))


def _decide(request: Request, asked: Asked) -> Response:
    match request.method, request.path.strip("/").split("/"):
        case "GET", ["status"]:
            return Response(200, asked.status().model_dump_json().encode())
        case "POST", ["parts", part, "restart"]:
            asked.restart(unquote(part))
        case "POST", ["stop"]:
            asked.stop()
        case "POST", ["workers"]:
            return _workers(asked.scale_workers(_count(request.body)))
        case "POST", ["workers", "more"]:
            return _workers(asked.add_workers(_count(request.body)))
        case _:
            raise NotFound(f"the supervisor knows no {request.method} {request.path}")
    return Response(202, b"{}")


def _workers(count: int) -> Response:
    return Response(202, dump_json({"workers": count}))


def _count(body: bytes) -> int:
    count = parse_object(body).get("count")
    if not isinstance(count, int) or isinstance(count, bool):
        raise InvalidInput("count must be a whole number", path="count")
    return count
