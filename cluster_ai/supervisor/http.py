"""As much HTTP as the supervisor speaks: one request a connection, bodies with a length, nothing else.

A web framework here would cost more memory than the supervisor itself.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

HEAD_BYTES: Final = 16 * 1024
BODY_BYTES: Final = 4 * 1024 * 1024


class BadMessage(Exception):
    """What came is not HTTP as it is spoken here."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes


async def read_request(reader: asyncio.StreamReader) -> Request:
    """One request.

    Raises:
        BadMessage: it is none, or too large.
    """
    first, lengths = await _head(reader)
    words = first.split(" ")
    if len(words) != 3:  # noqa: PLR2004 - method, path, version
        raise BadMessage("not a request")
    return Request(words[0], words[1], await _body(reader, lengths or 0))


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request, *, host: str = "localhost"
) -> Response:
    """Sends a request and reads the answer.

    Raises:
        BadMessage: what answers does not speak HTTP, or says more than fits.
        OSError: the connection broke.
    """
    head = f"{request.method} {request.path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {len(request.body)}\r\n\r\n"
    writer.write(head.encode("ascii") + request.body)
    await writer.drain()
    first, length = await _head(reader)
    words = first.split(" ")
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():  # noqa: PLR2004
        raise BadMessage("what answers does not speak HTTP")
    return Response(int(words[1]), await _body(reader, length))


def render(response: Response) -> bytes:
    """A response as bytes; its body is JSON."""
    head = (
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(response.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + response.body


async def _head(reader: asyncio.StreamReader) -> tuple[str, int | None]:
    """The first line, and the length of the body when it is named."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as exc:
        raise BadMessage("the head does not end") from exc
    first, *fields = raw.decode("latin-1").split("\r\n")
    length = None
    for line in fields:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            if not value.strip().isdecimal():
                raise BadMessage("the length is no number")
            length = int(value.strip())
    return first, length


async def _body(reader: asyncio.StreamReader, length: int | None) -> bytes:
    """``length`` bytes; up to the end of the stream when it is not named."""
    if length is not None and length > BODY_BYTES:
        raise BadMessage("the body is too large")
    if length is None:
        chunks, size = [], 0
        while size <= BODY_BYTES and (chunk := await reader.read(64 * 1024)):
            chunks.append(chunk)
            size += len(chunk)
        return b"".join(chunks)
    try:
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as exc:
        raise BadMessage("the body broke off") from exc
