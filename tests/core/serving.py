"""A small application behind the real listener with small limits, and raw sockets to attack it with."""

import contextlib
import socket
import time
from collections.abc import Iterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from cluster_ai.core.asgi.guard import Limits
from tests.backend.running import applications

SMALL = Limits(header_seconds=0.4, body_seconds=0.6, write_seconds=0.6, body_bytes=100_000, connections=40)


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def flood(_request: Request) -> Response:
    return StreamingResponse(b"x" * 65536 for _ in range(4096))


@contextlib.contextmanager
def listener(limits: Limits = SMALL) -> Iterator[int]:
    """The port of a running application."""
    app = Starlette(routes=[Route("/echo", echo, methods=["GET", "POST"]), Route("/flood", flood)])
    with applications() as served:
        yield int(served.start(app, limits=limits).rpartition(":")[2])


@contextlib.contextmanager
def caller(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        yield sock


def rest(sock: socket.socket) -> tuple[bytes, float]:
    """Everything until the other side closes, and how long that took."""
    began, found = time.monotonic(), b""
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65536):
            found += part
    return found, time.monotonic() - began
