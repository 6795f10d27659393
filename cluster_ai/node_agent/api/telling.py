"""Who this machine is, how it is, and how the conversation with the head goes."""

import time
from typing import Any

from cluster_ai.node_agent.api.asked import Asked
from cluster_ai.node_agent.beat import Beats
from cluster_ai.node_agent.looking import Look
from cluster_ai.nodes.types import HeartbeatReply


class Telling:
    """``GET /-/health`` and ``GET /-/state``"""

    def __init__(self, beats: Beats, look: Look, *, name: str, version: str) -> None:
        self._beats = beats
        self._look = look
        self._name = name
        self._version = version

    async def health(self, asked: Asked) -> None:
        beats = self._beats
        reply = beats.reply or HeartbeatReply()
        since = beats.head_since
        head = {
            "answers": since is not None,
            "answers_seconds": None if since is None else round(time.monotonic() - since, 1),
            "why_away": beats.why_away,
            "reachable": reply.reachable,
            "unreachable_because": reply.unreachable_because,
            "skew_seconds": reply.skew_seconds,
        }
        me = {"name": self._name, "node_id": beats.me.node_id, "version": self._version}
        await asked.say({**me, "head": head, "wanted": reply.wanted.model_dump(mode="json")})

    async def state(self, asked: Asked) -> None:
        inventory, now = self._look.inventory, self._look.now
        told: dict[str, Any] = {
            "inventory": None if inventory is None else inventory.model_dump(mode="json"),
            "gauges": None,
            "services": [],
            "models": [],
            "silent": self._look.silent(),
        }
        if now is not None:
            told["gauges"] = now.gauges.model_dump(mode="json")
            told["services"] = [service.model_dump(mode="json") for service in now.services]
            told["models"] = [model.model_dump(mode="json") for model in now.models]
        await asked.say(told)
