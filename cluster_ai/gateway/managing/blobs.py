"""Blobs on their way to nodes: which node has which, and bytes passed on to several at once."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import aiohttp

from cluster_ai.core.clock import Clock
from cluster_ai.gateway.managing.asks import BLOBS
from cluster_ai.gateway.managing.gguf import BrokenBlob, Scan
from cluster_ai.gateway.managing.questions import NodeFailed, Patience, opened, said
from cluster_ai.gateway.nodes.reasons import reason_of
from cluster_ai.gateway.nodes.upstreams import Upstream

KEPT: Final = 4096
AIM_SECONDS: Final = 3600.0
"""Between two requests of one client that make one model."""
MADE_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 5.0
_AHEAD: Final = 2
"""Pieces that wait for a node; then the client waits."""
_BROKEN: Final = HTTPStatus.BAD_GATEWAY


class Aims:
    """Where each client's blobs go: all of a model to one node, or no node could make it. In memory, bounded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: OrderedDict[str, tuple[tuple[str, ...], float]] = OrderedDict()

    def set(self, client: str, nodes: tuple[str, ...]) -> None:
        self._of[client] = (nodes, self._clock())
        self._of.move_to_end(client)
        while len(self._of) > KEPT:
            self._of.popitem(last=False)

    def made(self, client: str) -> None:
        """Its model is made. Not forgotten at once: behind one address another one may be half sent."""
        if nodes := self.get(client):
            self._of[client] = (nodes, self._clock() - AIM_SECONDS + MADE_SECONDS)

    def get(self, client: str) -> tuple[str, ...]:
        """Empty when there is none, or when it is long ago."""
        nodes, at = self._of.get(client, ((), self._clock()))
        return nodes if self._clock() - at < AIM_SECONDS else ()


async def has_blob(session: aiohttp.ClientSession, upstream: Upstream, digest: str) -> bool:
    """Whether the node has it; one that does not answer has nothing."""
    try:
        async with (
            asyncio.timeout(LOOK_SECONDS),
            session.head(upstream.url + BLOBS + digest, allow_redirects=False) as response,
        ):
            return response.status == HTTPStatus.OK
    except (aiohttp.ClientError, OSError):
        return False


async def holders(
    session: aiohttp.ClientSession, upstreams: Iterable[Upstream], digests: Iterable[str]
) -> tuple[str, ...]:
    """Names of the nodes that have every one of ``digests``."""
    asked, wanted = tuple(upstreams), tuple(digests)
    found = await asyncio.gather(*(has_blob(session, upstream, digest) for upstream in asked for digest in wanted))
    size = len(wanted)
    return tuple(up.name for at, up in enumerate(asked) if all(found[at * size : (at + 1) * size]))


@dataclass(slots=True)
class _Pipe:
    """Pieces for one node. A node that has answered takes no more."""

    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_AHEAD))
    closed: bool = False
    taken: bool = False

    def moved(self) -> bool:
        """Whether the node took something since this was last asked."""
        taken, self.taken = self.taken, False
        return taken

    async def put(self, piece: bytes | None) -> None:
        if not self.closed:
            await self.queue.put(piece)

    def close(self) -> None:
        self.closed = True
        while not self.queue.empty():
            self.queue.get_nowait()

    async def pieces(self) -> AsyncIterator[bytes]:
        while (piece := await self.queue.get()) is not None:
            yield piece
            self.taken = True


@dataclass(frozen=True, slots=True)
class Upload:
    """A blob of ``length`` bytes (None: nobody said) for every one of ``upstreams``; never whole in memory."""

    session: aiohttp.ClientSession
    digest: str
    length: int | None
    patience: Patience
    checks: bool = True
    """Looks at the headers of models that go by."""

    async def run(self, upstreams: Iterable[Upstream], body: AsyncIterator[bytes]) -> Mapping[str, NodeFailed | None]:
        """What became of it at each node, by name.

        Raises:
            BrokenBlob: no node has got the whole of it.
        """
        pipes = {upstream.name: _Pipe() for upstream in upstreams}
        broken = None
        async with asyncio.TaskGroup() as tasks:
            sent = {up.name: tasks.create_task(self._send(up, pipes[up.name])) for up in upstreams}
            try:
                await self._fill(tuple(pipes.values()), body)
            except BrokenBlob as exc:
                broken = exc
                for task in sent.values():
                    task.cancel()
        if broken is not None:
            raise broken
        return {name: task.result() for name, task in sent.items()}

    async def _fill(self, pipes: tuple[_Pipe, ...], body: AsyncIterator[bytes]) -> None:
        scan, total, held = Scan(), 0, b""
        async for piece in body:
            total += len(piece)
            if scan.looks and self.checks:
                # Off the loop: a vocabulary takes milliseconds a piece.
                await asyncio.to_thread(scan.feed, piece)
                scan.measure(self.length or scan.end)
            await _put(pipes, held)
            if all(pipe.closed for pipe in pipes):
                return
            # A node that was told the length has all of it with the last piece: that one waits for the verdict.
            held = piece
        if self.checks:
            scan.finish(total)
        await _put(pipes, held)
        await _put(pipes, None)

    async def _send(self, upstream: Upstream, pipe: _Pipe) -> NodeFailed | None:
        headers = {"Content-Type": "application/octet-stream"}
        if self.length is not None:
            headers["Content-Length"] = str(self.length)
        request = self.session.post(
            upstream.url + BLOBS + self.digest, data=pipe.pieces(), headers=headers, allow_redirects=False
        )
        try:
            response = await self.patience.wait(opened(request), upstream, moved=pipe.moved)
            try:
                if response.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
                    return NodeFailed(upstream.name, await said(response), status=response.status, started=True)
            finally:
                # It may answer before it has read everything: what is left for it is not sent any more.
                response.close()
        except (aiohttp.ClientError, OSError) as exc:
            return NodeFailed(upstream.name, reason_of(exc), status=_BROKEN, started=True)
        finally:
            pipe.close()
        return None


async def _put(pipes: tuple[_Pipe, ...], piece: bytes | None) -> None:
    if piece != b"":
        for pipe in pipes:
            await pipe.put(piece)
