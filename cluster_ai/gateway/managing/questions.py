"""One question about models to one node, and its answer record by record."""

import asyncio
import http.client
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

import aiohttp

from cluster_ai.core.bodies import read_up_to
from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.core.wire import JSON_TYPE, parse_object
from cluster_ai.gateway.nodes.reasons import reason_of
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.types import UpstreamState

T = TypeVar("T")
Record = dict[str, Any]

_LONGEST_RECORD: Final = 1024 * 1024
_LONGEST_ERROR: Final = 64 * 1024


class NodeFailed(ClusterError):
    """A node did not do what it was asked; the status is its own where it gave one."""

    code = "node_failed"

    def __init__(self, node: str, message: str, *, status: int, started: bool = False) -> None:
        super().__init__(f"{node}: {message}")
        self.node = node
        self.status = status
        self.started = started
        """It had begun: another node must not be asked in its place."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a silent node is waited for, in seconds. Checking what was fetched takes minutes of silence."""

    silence: float = 1800.0
    down: float = 30.0
    """The same, of a node that does not answer probes either: its connection died without a word."""
    look: float = 1.0
    """Between two looks at how it is."""

    async def wait(
        self, work: Coroutine[Any, Any, T], upstream: Upstream, *, moved: Callable[[], bool] = lambda: False
    ) -> T:
        """The result of ``work``, which waits for ``upstream``. ``moved``: whether something happened since last asked.

        Raises:
            TimeoutError: too long.
        """
        task = asyncio.ensure_future(work)
        try:
            await self._watch(task, upstream, moved)
        except BaseException:
            task.cancel()
            await asyncio.wait({task})
            # It may have come to its end in the very moment in which nobody wanted it any more.
            late = None if task.cancelled() or task.exception() else task.result()
            if isinstance(late, aiohttp.ClientResponse):
                late.close()
            raise
        return task.result()

    async def _watch(self, task: asyncio.Task[Any], upstream: Upstream, moved: Callable[[], bool]) -> None:
        silent = down = 0.0
        while not (await asyncio.wait({task}, timeout=self.look))[0]:
            silent = 0.0 if moved() else silent + self.look
            down = down + self.look if upstream.state is UpstreamState.DOWN else 0.0
            if silent >= self.silence or down >= self.down:
                raise TimeoutError


PATIENCE: Final = Patience()


async def records(
    session: aiohttp.ClientSession, upstream: Upstream, path: str, body: bytes, *, patience: Patience
) -> AsyncGenerator[Record]:
    """What the node reports, until it says that all is well.

    Raises:
        NodeFailed: it refused, said that it failed, or broke off.
    """
    started = False
    try:
        request = session.post(
            upstream.url + path, data=body, headers={"Content-Type": JSON_TYPE}, allow_redirects=False
        )
        async with await patience.wait(opened(request), upstream) as response:
            started = True
            if response.status != HTTPStatus.OK:
                raise NodeFailed(upstream.name, await said(response), status=response.status, started=True)
            async with aclosing(_lines(response, upstream, patience)) as lines:
                async for line in lines:
                    record = _record(upstream.name, line)
                    yield record
                    if record.get("status") == "success":
                        return
    except (aiohttp.ClientError, OSError) as exc:
        raise NodeFailed(upstream.name, reason_of(exc), status=HTTPStatus.BAD_GATEWAY, started=started) from exc
    raise NodeFailed(upstream.name, "it ended without success", status=HTTPStatus.BAD_GATEWAY, started=True)


async def change(
    session: aiohttp.ClientSession, upstream: Upstream, method: str, path: str, *, body: bytes, patience: Patience
) -> None:
    """A change without progress.

    Raises:
        NodeFailed: it was not made, or nobody knows.
    """
    started = False
    try:
        request = session.request(
            method, upstream.url + path, data=body, headers={"Content-Type": JSON_TYPE}, allow_redirects=False
        )
        async with await patience.wait(opened(request), upstream) as response:
            started = True
            if response.status != HTTPStatus.OK:
                raise NodeFailed(upstream.name, await said(response), status=response.status, started=True)
    except (aiohttp.ClientError, OSError) as exc:
        raise NodeFailed(upstream.name, reason_of(exc), status=HTTPStatus.BAD_GATEWAY, started=started) from exc


async def said(response: aiohttp.ClientResponse) -> str:
    """The node's own words for what is wrong."""
    raw = await read_up_to(response.content, _LONGEST_ERROR)
    try:
        words = parse_object(raw).get("error")
    except InvalidInput:
        words = raw.decode("utf-8", "replace")
    return str(words or http.client.responses.get(response.status) or f"answered {response.status}").strip()[:1000]


async def opened(request: Coroutine[Any, Any, aiohttp.ClientResponse]) -> aiohttp.ClientResponse:
    return await request


async def _lines(response: aiohttp.ClientResponse, upstream: Upstream, patience: Patience) -> AsyncGenerator[bytes]:
    rest = b""
    while chunk := await patience.wait(response.content.readany(), upstream):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        if len(rest) > _LONGEST_RECORD:
            raise NodeFailed(upstream.name, "its report has no end", status=HTTPStatus.BAD_GATEWAY, started=True)
    if rest.strip():
        yield rest


def _record(node: str, line: bytes) -> Record:
    try:
        record = parse_object(line)
    except InvalidInput as exc:
        raise NodeFailed(node, "its report cannot be read", status=HTTPStatus.BAD_GATEWAY, started=True) from exc
    if "error" in record:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        raise NodeFailed(node, str(record["error"])[:1000], status=status, started=True)
    return record
