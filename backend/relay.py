"""Calls that are passed on to the gateway: chat, pull, delete. Answers stream; who leaves stops them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.refusals import refusal, said_in
from cluster_ai.core.bodies import read_up_to
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.wire import dump_json
from cluster_ai.gateway.managing.asks import Verb

NDJSON: Final = "application/x-ndjson"
PASSED_HEADERS: Final = ("x-cluster-node", "x-cluster-why", "x-cluster-attempts", "x-request-id")
PULL_SECONDS: Final = 1860.0
"""Longest silence of a pull: a node checks for minutes what it fetched, and the gateway is the one to lose patience."""
DELETE_SECONDS: Final = 60.0
_LONGEST_ERROR = 64 * 1024
_LONGEST_LAST_LINE = 8 * 1024

Note = Callable[[str], Awaitable[None]]
"""Told how a call goes: ``begun``, then ``done``, ``left`` or an error's code; the code alone when it is refused."""
Lost = Callable[[str], Unavailable]


@dataclass(frozen=True, slots=True)
class Answer:
    """The gateway's answer that has begun well."""

    headers: Mapping[str, str]
    response: aiohttp.ClientResponse


@dataclass(frozen=True, slots=True)
class Passing:
    """A call to the gateway. ``seconds``: longest silence, the session's own when None."""

    method: str
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None


class GatewayCalls:
    """The HTTP client of the API. It follows no redirects and forwards no caller's credentials.

    ``lost``: the error for a connection that broke, made of the reason; else one that names the address.
    """

    def __init__(
        self, session: aiohttp.ClientSession, *, gateway_url: str, token: str, lost: Lost | None = None
    ) -> None:
        self._session = session
        self._gateway_url = gateway_url
        self._lost = lost or _broke(gateway_url)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def chat(self, body: Mapping[str, Any], *, request_id: str, trace: str = "") -> "Relayed":
        """The answer to an Ollama chat, as it comes. ``trace``: the ``traceparent`` that it is part of."""
        headers = {"X-Request-Id": request_id} | ({"Traceparent": trace} if trace else {})
        return Relayed(self, Passing("POST", "/api/chat", body, headers))

    def pull(self, model: str, nodes: tuple[str, ...], *, note: Note) -> "Relayed":
        """Progress while ``nodes`` fetch ``model``; the gateway chooses them when none are named."""
        body = {"model": model, "stream": True}
        return Relayed(self, Passing("POST", Verb.PULL.path, body, _to(nodes), PULL_SECONDS), note=note)

    async def delete(self, model: str, nodes: tuple[str, ...]) -> tuple[str, ...]:
        """Removes ``model`` from ``nodes``, or from all that have it; where it was done.

        Raises:
            ClusterError: it was refused, or some node did not do it.
        """
        passing = Passing("DELETE", Verb.DELETE.path, {"model": model}, _to(nodes), DELETE_SECONDS)
        async with self.send(passing) as answer:
            return tuple(filter(None, answer.headers.get("x-cluster-node", "").split(", ")))

    @asynccontextmanager
    async def send(self, passing: Passing) -> AsyncIterator[Answer]:
        """The gateway's answer, open while the block runs.

        Raises:
            ClusterError: it refused, or does not answer.
        """
        more: dict[str, Any] = {}
        if passing.seconds is not None:
            connect = self._session.timeout.sock_connect
            more["timeout"] = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=passing.seconds)
        async with AsyncExitStack() as stack:
            with self.translated():
                call = self._session.request(
                    passing.method,
                    self._gateway_url + passing.path,
                    data=dump_json(passing.body),
                    headers={**self._headers, **passing.headers},
                    allow_redirects=False,
                    **more,
                )
                response = await stack.enter_async_context(call)
                await _check(response)
            passed = {name: response.headers[name] for name in PASSED_HEADERS if name in response.headers}
            yield Answer(passed | {"content-type": response.headers.get("content-type", NDJSON)}, response)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raises our classes for what the HTTP client raises inside."""
        try:
            yield
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise self._lost(reason_of(exc)) from exc


def _broke(url: str) -> Lost:
    return lambda why: Unavailable(f"the connection to {url} broke: {why}")


def _to(nodes: tuple[str, ...]) -> dict[str, str]:
    return {"X-Cluster-Node": ",".join(nodes)} if nodes else {}


async def _unnoted(_outcome: str) -> None:
    """For calls of which nobody keeps a record."""


class Relayed(Response):
    """Streams the gateway's lines. From the first moment the caller's leaving is raced against the answer."""

    def __init__(self, calls: GatewayCalls, passing: Passing, *, note: Note = _unnoted) -> None:
        super().__init__(media_type=NDJSON)
        self._calls = calls
        self._passing = passing
        self._note = note
        self._outcome = "left"

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await raced(self._stream(send), receive)
        except ClusterError as exc:
            await self._note(exc.code)
            raise
        await self._note(self._outcome)

    async def _stream(self, send: Send) -> None:
        async with self._calls.send(self._passing) as answer:
            await self._note("begun")
            headers = {"cache-control": "no-store", "x-accel-buffering": "no", **answer.headers}
            raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": 200, "headers": raw})
            last = b"\n"
            try:
                with self._calls.translated():
                    async for chunk in answer.response.content.iter_any():
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                        last = (last + chunk)[-_LONGEST_LAST_LINE:]
                self._outcome = ended_as(last)
            except Unavailable as exc:
                self._outcome = exc.code
                # The status has left already: the broken answer must say so itself, on a line of its own.
                start = b"" if last.endswith(b"\n") else b"\n"
                told = {"error": exc.message, "code": exc.code, "hint": exc.hint, "values": dict(exc.values)}
                line = dump_json(told) + b"\n"
                await send({"type": "http.response.body", "body": start + line, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def ended_as(tail: bytes) -> str:
    """How a stream with this end went: ``done``, or the code of the error on its last line."""
    said = said_in(tail.rstrip().rpartition(b"\n")[2])
    return said.code or "unavailable" if said.error else "done"


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


def reason_of(error: BaseException) -> str:
    """Why a call failed, in the words of the operating system where it has some."""
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return os.strerror(error.os_error.errno).lower()
    return (str(error) or type(error).__name__)[:200]


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status < 300:  # noqa: PLR2004 - the statuses of HTTP are their own names
        return
    raw = await read_up_to(response.content, _LONGEST_ERROR)
    raise refusal(response.status, said_in(raw), retry_after=response.headers.get("retry-after", ""))
