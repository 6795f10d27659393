"""Calls that are passed on: chat to the gateway, pull and delete to a node. Answers stream; who leaves stops them."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cluster_ai.core.errors import ClusterError, InvalidInput, NotFound, Unavailable, Unsupported
from cluster_ai.core.wire import dump_json, parse_json

NDJSON: Final = "application/x-ndjson"
ANSWER_SECONDS: Final = 30.0
PASSED_HEADERS: Final = ("x-cluster-node", "x-cluster-why", "x-cluster-attempts", "x-request-id")
_LONGEST_ERROR = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An upstream's answer that has begun well."""

    headers: Mapping[str, str]
    response: aiohttp.ClientResponse


class NodeCalls:
    """The HTTP client of the API. It follows no redirects and forwards no caller's credentials."""

    def __init__(self, session: aiohttp.ClientSession, *, gateway_url: str, token: str) -> None:
        self._session = session
        self._gateway_url = gateway_url
        self._gateway_headers = {"Authorization": f"Bearer {token}"}

    def chat(self, body: Mapping[str, Any], *, request_id: str) -> "Relayed":
        """The gateway's answer to an Ollama chat, as it comes."""
        headers = self._gateway_headers | {"X-Request-Id": request_id}
        return Relayed(self, f"{self._gateway_url}/api/chat", body=body, headers=headers)

    def pull(self, node_url: str, model: str) -> "Relayed":
        """A node's progress while it fetches ``model``."""
        return Relayed(self, f"{node_url.rstrip('/')}/api/pull", body={"model": model, "stream": True}, headers={})

    async def delete(self, node_url: str, model: str) -> None:
        """Removes ``model`` from one node.

        Raises:
            ClusterError: the node refused, or does not answer.
        """
        with translated(node_url):
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._session.delete(
                    f"{node_url.rstrip('/')}/api/delete", data=dump_json({"model": model}), allow_redirects=False
                ) as response,
            ):
                await _check(response)

    @asynccontextmanager
    async def post(self, url: str, *, body: Mapping[str, Any], headers: Mapping[str, str]) -> AsyncIterator[Answer]:
        """An upstream's answer, open while the block runs.

        Raises:
            ClusterError: it refused, or does not answer.
        """
        async with AsyncExitStack() as stack:
            with translated(url):
                sent = {"Content-Type": "application/json", **headers}
                call = self._session.post(url, data=dump_json(body), headers=sent, allow_redirects=False)
                response = await stack.enter_async_context(call)
                await _check(response)
            passed = {name: response.headers[name] for name in PASSED_HEADERS if name in response.headers}
            yield Answer(passed | {"content-type": response.headers.get("content-type", NDJSON)}, response)


class Relayed(Response):
    """Streams an upstream's lines. From the first moment the caller's leaving is raced against the answer."""

    def __init__(
        self, calls: NodeCalls, url: str, *, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> None:  # fmt: skip
        super().__init__(media_type=NDJSON)
        self._calls = calls
        self._url = url
        self._request = {"body": body, "headers": headers}

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await raced(self._stream(send), receive)

    async def _stream(self, send: Send) -> None:
        async with self._calls.post(self._url, **self._request) as answer:
            headers = {"cache-control": "no-store", "x-accel-buffering": "no", **answer.headers}
            raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": 200, "headers": raw})
            last = b"\n"
            try:
                with translated(self._url):
                    async for chunk in answer.response.content.iter_any():
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                        last = chunk
            except Unavailable as exc:
                # The status has left already: the broken answer must say so itself, on a line of its own.
                start = b"" if last.endswith(b"\n") else b"\n"
                line = dump_json({"error": exc.message, "code": exc.code}) + b"\n"
                await send({"type": "http.response.body", "body": start + line, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def raced(work: Any, receive: Receive) -> None:
    """Runs ``work`` to its end, or cancels it as soon as the caller has left."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        both = (working, leaving)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
    with suppress(asyncio.CancelledError):
        working.result()


async def _gone(receive: Receive) -> None:
    while not (await receive())["type"].endswith(".disconnect"):
        pass


class translated:  # noqa: N801 - used as a context manager, like its siblings in other rooms
    """Raises our classes for what the HTTP client raises inside."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, aiohttp.ClientError | TimeoutError):
            raise Unavailable(f"the connection to {self._url} broke: {reason_of(error)}") from error


def reason_of(error: BaseException) -> str:
    """Why a call failed, in the words of the operating system where it has some."""
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return os.strerror(error.os_error.errno).lower()
    return (str(error) or type(error).__name__)[:200]


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status < 300:  # noqa: PLR2004 - the statuses of HTTP are their own names
        return
    raw = await response.content.read(_LONGEST_ERROR)
    raise _refusal(response.status, _said(raw), retry_after=response.headers.get("retry-after", ""))


def _said(raw: bytes) -> str:
    """The sentence in an error body of Ollama's or OpenAI's shape."""
    try:
        found = parse_json(raw)
    except InvalidInput:
        return ""
    error = found.get("error") if isinstance(found, dict) else None
    if isinstance(error, dict):
        error = error.get("message")
    return str(error)[:500] if error else ""


def _refusal(status: int, said: str, *, retry_after: str) -> ClusterError:
    message = said or f"the node answered {status}"
    match status:
        case 404:
            return NotFound(message, hint="./manager.sh model ls")
        case 400 | 413 | 422:
            return InvalidInput(message)
        case 403 | 405 | 501:
            return Unsupported(message)
        case _:
            seconds = float(retry_after) if retry_after.isdecimal() else 1.0
            return Unavailable(message, retry_after=seconds)
