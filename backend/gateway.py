"""The one endpoint for model clients: raw ASGI, because a framework's layers would be paid for with every token."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.gateway_answers import Asked, ClientLeft, pass_on
from cluster_ai import __version__
from cluster_ai.core.asgi.middleware import is_loopback
from cluster_ai.core.asgi.observe import Observed
from cluster_ai.core.errors import ClusterError, Forbidden, NotFound, Unauthenticated, Unsupported
from cluster_ai.core.metrics import CONTENT_TYPE, HttpMetrics, new_registry, render
from cluster_ai.gateway import lists
from cluster_ai.gateway.dialects import RELAYED, Path, read_call
from cluster_ai.gateway.room import Room, open_room
from cluster_ai.gateway.types import GatewaySettings

SAFE: Final = frozenset({"GET", "HEAD"})
MANAGED: Final = frozenset({"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete"})
"""What changes nodes is not done through an endpoint that asks nobody for a key."""
_MODEL: Final = "/v1/models/"

Door = Callable[[Asked, Room], Awaitable[None]]


class WrongMethod(ClusterError):
    """The path exists, for other methods."""

    code = "method_not_allowed"

    def __init__(self, method: str, path: str, allowed: str) -> None:
        super().__init__(f"{path} takes {allowed}, not {method}")
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Route:
    """``path`` as it is counted in the metrics."""

    path: str
    methods: frozenset[str]
    door: Door


def create_gateway(settings: GatewaySettings, *, embedded_url: str | None, internal_token: str) -> ASGIApp:
    """The gateway as an ASGI application; its lifespan opens and closes the clients and the probes.

    Args:
        settings: of the gateway.
        embedded_url: base address of the embedded node; None when there is none.
        internal_token: what our own processes show to see ``/-/state``.
    """
    registry = new_registry(component="gateway", version=__version__)
    inside = Inside(internal_token, lambda: render(registry))
    return Observed(Gateway(settings, embedded_url=embedded_url, inside=inside), metrics=HttpMetrics(registry))


class Inside:
    """What only our own processes, or this machine, may see."""

    def __init__(self, token: str, metrics: Callable[[], bytes]) -> None:
        self._token = token
        self._metrics = metrics

    async def state(self, asked: Asked, room: Room) -> None:
        self._demand_token(asked)
        await asked.say(200, room.view().model_dump_json().encode())

    async def metrics(self, asked: Asked, room: Room) -> None:
        del room
        client = asked.scope.get("client")
        if client is None or not is_loopback(client[0]):
            self._demand_token(asked)
        await asked.say(200, self._metrics(), kind=CONTENT_TYPE)

    def _demand_token(self, asked: Asked) -> None:
        shown = asked.header(b"authorization").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode("latin-1"), self._token.encode("latin-1")):
            raise Unauthenticated("this is for the cluster's own processes")


class Gateway:
    """Finds the door for a request; every error leaves in the caller's dialect."""

    def __init__(self, settings: GatewaySettings, *, embedded_url: str | None, inside: Inside) -> None:
        self._settings = settings
        self._embedded_url = embedded_url
        self._routes = {route.path: route for route in _routes(inside)}
        self._room: Room | None = None

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
            _refuse_method(asked, route)
            _refuse_foreign_pages(asked)
            await route.door(asked, self._room)
        except WrongMethod as exc:
            await asked.refuse(exc, status=405, headers={"allow": exc.allowed})
        except ClusterError as exc:
            await asked.refuse(exc)
        except ClientLeft:
            return

    def _route(self, asked: Asked) -> Route:
        path = asked.path
        if path.startswith(_MODEL) and path != _MODEL:
            return self._routes[_MODEL]
        if path.startswith("/api/blobs/"):
            return self._routes["/api/blobs/"]
        if (route := self._routes.get(path)) is None:
            raise NotFound(f"there is no {path} here", hint="this is the gateway: Ollama's /api and OpenAI's /v1")
        return route


def _routes(inside: Inside) -> list[Route]:
    post = frozenset({"POST"})
    routes = [Route(path.path, post, _relaying(path)) for path in RELAYED.values()]
    routes += [Route(path, frozenset({"POST", "DELETE"}), _managed) for path in sorted(MANAGED)]
    return [
        *routes,
        Route("/", SAFE, _root),
        Route("/health", SAFE, _health),
        Route("/metrics", SAFE, inside.metrics),
        Route("/-/state", SAFE, inside.state),
        Route("/api/tags", SAFE, _listing(lists.tags)),
        Route("/api/ps", SAFE, _listing(lists.loaded)),
        Route("/api/version", SAFE, _listing(lists.version)),
        Route("/v1/models", SAFE, _listing(lists.openai_models)),
        Route(_MODEL, SAFE, _model),
        Route("/api/blobs/", frozenset({"POST", "HEAD"}), _managed),
    ]


def _relaying(path: Path) -> Door:
    async def door(asked: Asked, room: Room) -> None:
        headers = {"Content-Type": "application/json", "Accept": asked.header(b"accept") or "*/*"}
        headers["X-Request-Id"] = asked.scope.get("state", {}).get("request_id", "")
        await pass_on(asked, read_call(path, await asked.body(), headers), room.relay)

    return door


def _listing(make: Callable[..., object]) -> Door:
    async def door(asked: Asked, room: Room) -> None:
        await asked.say_json(make(room.pool))

    return door


async def _model(asked: Asked, room: Room) -> None:
    name = asked.path.removeprefix(_MODEL)
    if (found := lists.openai_model(room.pool, name)) is None:
        raise NotFound(f"model '{name[:100]}' not found")
    await asked.say_json(found)


async def _root(asked: Asked, room: Room) -> None:
    del room
    await asked.say(200, b"Ollama is running", kind="text/plain; charset=utf-8")


async def _health(asked: Asked, room: Room) -> None:
    del room
    await asked.say_json({"status": "ok"})


async def _managed(asked: Asked, room: Room) -> None:
    del room
    raise Unsupported(
        f"{asked.path} changes nodes; the gateway does not do that", hint="use the dashboard or `cluster-ai model`"
    )


def _refuse_method(asked: Asked, route: Route) -> None:
    if asked.method not in route.methods:
        raise WrongMethod(asked.method[:20], asked.path, ", ".join(sorted(route.methods)))


def _refuse_foreign_pages(asked: Asked) -> None:
    """A page of another site, open in a browser on this machine, must not use the models.

    Raises:
        Forbidden: the request comes from one.
    """
    origin = asked.header(b"origin")
    if origin and asked.method not in SAFE and urlsplit(origin).netloc.lower() != asked.header(b"host").lower():
        raise Forbidden("requests from web pages of other origins are refused")
