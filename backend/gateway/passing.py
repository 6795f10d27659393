"""A call passed on to the nodes, and what comes back: whole, or as it is written."""

from typing import Final

from backend.gateway.answers import JSON_TYPE, Asked, Header, raw, raw_headers
from cluster_ai.core.asgi.leaving import hang_up, until_left
from cluster_ai.core.errors import Unavailable
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.dialects.paths import Dialect, broken_stream, dialect_of
from cluster_ai.gateway.relaying.attempt import Broken
from cluster_ai.gateway.relaying.relay import Relay
from cluster_ai.gateway.relaying.reply import Reply

__all__ = ["Asked", "pass_on"]

STOPPING: Final = "the gateway is stopping; ask again"
MISTAKE: Final = "the gateway made a mistake; its log has more"
_FAREWELLS: Final = {dialect: broken_stream(dialect, STOPPING, after=b"") for dialect in Dialect}
"""What the listener says when it must cut a stream because this process ends."""
_ALWAYS: Final[tuple[Header, ...]] = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))


async def pass_on(asked: Asked, call: Call, relay: Relay) -> None:
    """Passes a call on and its answer back; the client's leaving ends it from the first moment.

    Raises:
        ClientLeft: the client left in the middle of it.
    """
    with until_left(asked.scope):
        await _relay(asked, call, relay)


async def _relay(asked: Asked, call: Call, relay: Relay) -> None:
    begun = False
    try:
        async with relay.send(call) as reply:
            reply.served.status = reply.status
            if reply.whole is not None:
                await asked.begin(reply.status, _whole_head(reply, reply.whole))
                await asked.end(reply.whole)
                return
            await asked.begin(reply.status, _head(reply))
            begun = True
            asked.scope["farewell"] = _FAREWELLS[dialect_of(asked.path)]
            send = asked.send
            # The server waits while the client's buffers are full, and the listener ends who takes nothing for long.
            async for chunk in reply.chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except (Broken, TimeoutError) as exc:
        reason = str(exc) or "the answer took longer than the gateway allows"
        if not begun:
            raise Unavailable(reason) from exc
        await _break_off(asked, call, reason)
        return
    except Exception:  # a mistake of ours: the log has it, and who reads an answer hears that it ends here
        if begun:
            await _break_off(asked, call, MISTAKE)
        raise
    await asked.end()


async def _break_off(asked: Asked, call: Call, reason: str) -> None:
    said = broken_stream(call.path.dialect, reason, after=b"")
    await asked.send({"type": "http.response.body", "body": said, "more_body": True})
    # Without its end no client can take the answer for whole.
    hang_up(asked.scope)


def _head(reply: Reply) -> list[Header]:
    served = reply.served
    rows = [*_ALWAYS, *raw_headers(reply.headers)]
    if served.node:
        rows += ((b"x-cluster-node", raw(served.node)), (b"x-cluster-why", raw(served.why)))
        if served.answered_by != served.model:
            rows.append((b"x-cluster-model", raw(served.answered_by)))
    rows.append((b"x-cluster-attempts", b"%d" % served.attempts))
    return rows


def _whole_head(reply: Reply, body: bytes) -> list[Header]:
    rows = _head(reply)
    if "content-type" not in reply.headers:
        rows.append((b"content-type", JSON_TYPE.encode()))
    rows.append((b"content-length", b"%d" % len(body)))
    return rows
