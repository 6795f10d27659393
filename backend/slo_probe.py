"""One token from every node now and then, so that objectives of a quiet cluster have something to go by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from backend.plane import Plane
from backend.relay import Passing
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.ids import new_id
from cluster_ai.core.loops import every
from cluster_ai.gateway.types import UpstreamState
from cluster_ai.views import NodeView

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 60.0
_CANNOT_CHAT = "embedding"


@asynccontextmanager
async def probing(plane: Plane) -> AsyncIterator[None]:
    """Asks inside the block, as often as the settings say; never when they say 0."""
    seconds = plane.slo.room.given.settings.probe_seconds
    if not seconds:
        yield
        return
    loop = asyncio.create_task(every(seconds, lambda: probe(plane), name="probes of objectives"))
    try:
        yield
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


async def probe(plane: Plane) -> None:
    """One round. How each call ends is in the gateway's log, where objectives are counted from."""
    try:
        nodes = plane.live.overview().nodes
    except Unavailable:
        return
    wanted = [(node.name, model) for node in nodes if (model := probed(node))]
    await asyncio.gather(*(_ask(plane, name, model) for name, model in wanted))


def probed(node: NodeView) -> str:
    """The model that a node is asked for: one that is in its memory anyway; empty when there is none."""
    if node.state is UpstreamState.DOWN or node.draining:
        return ""
    loaded = [model.name for model in node.models if model.loaded and _CANNOT_CHAT not in model.capabilities]
    return min(loaded, default="")


async def _ask(plane: Plane, node: str, model: str) -> None:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "1"}],
        "options": {"num_predict": 1},
        "stream": False,
    }
    headers = {"X-Cluster-Node": node, "X-Request-Id": f"probe-{new_id()}"}
    try:
        async with plane.calls.send(Passing("POST", "/api/chat", body, headers, ANSWER_SECONDS)) as answer:
            with plane.calls.translated():
                await answer.response.read()
    except ClusterError as exc:
        log.info("a probe was not answered", node=node, model=model, code=exc.code)
