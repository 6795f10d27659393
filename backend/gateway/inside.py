"""What only our own processes, or this machine, may see of the gateway: its state and its metrics."""

import hmac
from collections.abc import Callable

from backend.gateway.answers import Asked
from cluster_ai import __version__
from cluster_ai.core.asgi.middleware import is_loopback
from cluster_ai.core.errors import Unauthenticated
from cluster_ai.core.metrics import CONTENT_TYPE, HttpMetrics, new_registry, render
from cluster_ai.gateway.metrics import GatewayCollector
from cluster_ai.gateway.room import Room
from cluster_ai.gateway.types import GatewayView


class Inside:
    """``token`` is what our own processes show; ``view`` answers None while the gateway is not open."""

    def __init__(self, token: str, view: Callable[[], GatewayView | None]) -> None:
        self._token = token
        self._registry = new_registry(component="gateway", version=__version__)
        self._registry.register(GatewayCollector(view))
        self.http = HttpMetrics(self._registry)

    async def state(self, asked: Asked, room: Room) -> None:
        self._demand_token(asked)
        await asked.say(200, room.view().model_dump_json().encode())

    async def metrics(self, asked: Asked, room: Room) -> None:
        del room
        client = asked.scope.get("client")
        if client is None or not is_loopback(client[0]):
            self._demand_token(asked)
        await asked.say(200, render(self._registry), kind=CONTENT_TYPE)

    def _demand_token(self, asked: Asked) -> None:
        shown = asked.header(b"authorization").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode("latin-1"), self._token.encode("latin-1")):
            raise Unauthenticated("this is for the cluster's own processes")
