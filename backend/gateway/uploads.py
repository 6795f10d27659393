"""Blobs that clients send: looked for, and passed on while they come."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPMethod, HTTPStatus

from backend.gateway.answers import Asked
from backend.gateway.failures import has_left, raced, tell_failures
from backend.gateway.managed import Visit
from cluster_ai.core.errors import ClusterError
from cluster_ai.gateway.managing.asks import digest_of


async def blob(visit: Visit) -> None:
    """HEAD and POST of ``/api/blobs/DIGEST``."""
    asked, digest = visit.asked, digest_of(visit.asked.path)
    found = await visit.upkeep.find_blob(digest, visit.wanted, client=visit.client)
    if asked.method == HTTPMethod.HEAD:
        await asked.say(200 if found else 404, b"", headers=_at(found))
    elif found:
        await _known(asked, found)
    else:
        await _sent(visit, digest)


async def _known(asked: Asked, found: tuple[str, ...]) -> None:
    coming = _Coming(asked)
    # A client that waits for leave to send need not send; any other is heard out, or it would call it an error.
    if not asked.header(b"expect"):
        await raced(coming.drain(), coming.gone())
    await asked.say(HTTPStatus.OK, b"", headers=_at(found) | coming.hang_up())


async def _sent(visit: Visit, digest: str) -> None:
    coming, length = _Coming(visit.asked), visit.asked.header(b"content-length")
    upload = visit.upkeep.upload(digest, int(length) if length.isdecimal() else None)
    sending = visit.upkeep.send_blob(upload, visit.wanted, client=visit.client, body=coming.pieces())
    try:
        outcome = await raced(sending, coming.gone())
    except ClusterError as exc:
        await visit.asked.refuse(exc, headers=coming.hang_up())
        return
    if outcome is None:
        return
    done = tuple(name for name, why in outcome.items() if why is None)
    if failures := {name: why for name, why in outcome.items() if why}:
        await tell_failures(visit.asked, failures, done=done, more=coming.hang_up())
    else:
        await visit.asked.say(HTTPStatus.CREATED, b"", headers=_at(done))


@dataclass(slots=True)
class _Coming:
    """A body on its way in, and whether its sender is still there."""

    asked: Asked
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def pieces(self) -> AsyncIterator[bytes]:
        while not self.whole.is_set():
            message = await self.asked.receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                # Whoever takes the pieces is stopped from outside: an end here would be the end of the blob.
                await asyncio.Future()
            if not message.get("more_body"):
                self.whole.set()
            if piece := message.get("body", b""):
                yield piece

    async def drain(self) -> None:
        async for _ in self.pieces():
            pass

    async def gone(self) -> None:
        """Returns when the sender has left."""
        ended = [asyncio.ensure_future(event.wait()) for event in (self.whole, self.left)]
        try:
            await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ended:
                one.cancel()
        if not self.left.is_set():
            await has_left(self.asked)

    def hang_up(self) -> dict[str, str]:
        """A connection with half a blob on it is of no further use."""
        return {} if self.whole.is_set() else {"connection": "close"}


def _at(nodes: tuple[str, ...]) -> dict[str, str]:
    return {"x-cluster-node": ", ".join(nodes)} if nodes else {}
