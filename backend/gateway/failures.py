"""What nodes did not do, as the client hears it; and clients that leave while nodes work."""

import asyncio
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

from backend.gateway.answers import Asked
from cluster_ai.core.wire import dump_json
from cluster_ai.gateway.managing.questions import NodeFailed
from cluster_ai.gateway.nodes.reasons import LAST_STATUS

T = TypeVar("T")

_TO_US: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})
"""What a node says to us about us: our client could do nothing about it."""


async def tell_failures(
    asked: Asked, failures: Mapping[str, NodeFailed], *, done: tuple[str, ...], more: Mapping[str, str] | None = None
) -> None:
    """Answers with what failed, by node, beside the nodes where it was done."""
    statuses = {_status(failure.status) for failure in failures.values()}
    status = int(HTTPStatus.BAD_GATEWAY if done or len(statuses) > 1 else statuses.pop())
    nodes = ", ".join(failures)
    said: dict[str, Any] = {
        "error": "; ".join(failure.message for failure in failures.values()),
        "code": NodeFailed.code,
        "node": nodes,
    }
    if done or len(failures) > 1:
        said["nodes"] = {name: why.message for name, why in failures.items()} | dict.fromkeys(done, "done")
    await asked.say(status, dump_json(said), headers={"x-cluster-node": nodes, **(more or {})})


async def raced(work: Coroutine[Any, Any, T], leaving: Coroutine[Any, Any, None]) -> T | None:
    """What ``work`` answers; None when the client left first, and then it was stopped."""
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(leaving)
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not working.done():
            working.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)
    return None if working.cancelled() else working.result()


async def has_left(asked: Asked) -> None:
    """Returns when the client, whose request has been read, is gone."""
    while (await asked.receive())["type"] != "http.disconnect":
        pass


def _status(status: int) -> int:
    understood = HTTPStatus.BAD_REQUEST <= status <= LAST_STATUS and status not in _TO_US
    return status if understood else HTTPStatus.BAD_GATEWAY
