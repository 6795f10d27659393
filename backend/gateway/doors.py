"""Every path of the gateway and what answers there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from backend.gateway.answers import Asked, pass_on
from backend.gateway.inside import Inside
from cluster_ai.core.errors import ClusterError, Forbidden, NotFound, Unsupported
from cluster_ai.gateway import lists
from cluster_ai.gateway.dialects import RELAYED, Path, read_call
from cluster_ai.gateway.room import Room

SAFE: Final = frozenset({"GET", "HEAD"})
MANAGED: Final = frozenset({"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete"})
"""What changes nodes is not done through an endpoint that asks nobody for a key."""
MODEL: Final = "/v1/models/"

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


def make_routes(inside: Inside) -> list[Route]:
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
        Route(MODEL, SAFE, _model),
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
    name = asked.path.removeprefix(MODEL)
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


def refuse_method(asked: Asked, route: Route) -> None:
    if asked.method not in route.methods:
        raise WrongMethod(asked.method[:20], asked.path, ", ".join(sorted(route.methods)))


def refuse_foreign_pages(asked: Asked) -> None:
    """A page of another site, open in a browser on this machine, must not use the models.

    Raises:
        Forbidden: the request comes from one.
    """
    origin = asked.header(b"origin")
    # Compared as text: an origin has no path, and one that cannot be parsed is nobody's.
    if origin and asked.method not in SAFE and origin.lower().partition("://")[2] != asked.header(b"host").lower():
        raise Forbidden("requests from web pages of other origins are refused")
