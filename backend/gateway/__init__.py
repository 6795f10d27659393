"""The one endpoint for model clients: raw ASGI, because a framework's layers would be paid for with every token."""

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.gateway.answers import Asked, ClientLeft
from backend.gateway.doors import MODEL, Route, WrongMethod, make_routes, refuse_foreign_pages, refuse_method
from backend.gateway.inside import Inside
from cluster_ai.core.asgi.observe import Observed
from cluster_ai.core.errors import ClusterError, NotFound
from cluster_ai.gateway.room import Room, open_room
from cluster_ai.gateway.types import GatewaySettings, GatewayView


def create_gateway(settings: GatewaySettings, *, embedded_url: str | None, internal_token: str) -> ASGIApp:
    """The gateway as an ASGI application; its lifespan opens and closes the clients and the probes.

    Args:
        settings: of the gateway.
        embedded_url: base address of the embedded node; None when there is none.
        internal_token: what our own processes show to see ``/-/state``.
    """
    gateway = Gateway(settings, embedded_url=embedded_url, internal_token=internal_token)
    return Observed(gateway, metrics=gateway.inside.http)


class Gateway:
    """Finds the door for a request; every error leaves in the caller's dialect."""

    def __init__(self, settings: GatewaySettings, *, embedded_url: str | None, internal_token: str) -> None:
        self._settings = settings
        self._embedded_url = embedded_url
        self._room: Room | None = None
        self.inside = Inside(internal_token, self.view)
        self._routes = {route.path: route for route in make_routes(self.inside)}

    def view(self) -> GatewayView | None:
        """What is known of nodes and traffic; None while the gateway is not open."""
        return self._room.view() if self._room else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._lifespan(receive, send)
            case "http":
                await self._http(Asked(scope, receive, send))
            case _:
                await send({"type": "websocket.close", "code": 1008, "reason": "no WebSocket here"})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with open_room(self._settings, embedded_url=self._embedded_url) as room:
            self._room = room
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self._room = None
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, asked: Asked) -> None:
        assert self._room is not None, "requests come between startup and shutdown"
        try:
            route = asked.scope["route"] = self._route(asked)
            refuse_method(asked, route)
            refuse_foreign_pages(asked)
            await route.door(asked, self._room)
        except WrongMethod as exc:
            await asked.refuse(exc, status=405, headers={"allow": exc.allowed})
        except ClusterError as exc:
            await asked.refuse(exc)
        except ClientLeft:
            return

    def _route(self, asked: Asked) -> Route:
        path = asked.path
        if path.startswith(MODEL) and path != MODEL:
            return self._routes[MODEL]
        if path.startswith("/api/blobs/"):
            return self._routes["/api/blobs/"]
        if (route := self._routes.get(path)) is None:
            raise NotFound(f"there is no {path} here", hint="this is the gateway: Ollama's /api and OpenAI's /v1")
        return route
