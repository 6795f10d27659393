"""A door of the gateway, and how the one for a request is found."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from backend.gateway.answers import Asked
from cluster_ai.core.errors import ClusterError, Forbidden, NotFound
from cluster_ai.gateway.room import Room

SAFE: Final = frozenset({"GET", "HEAD"})

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


class Routes:
    """By path. A path that ends in a slash stands for everything below it."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = {route.path: route for route in routes}
        self._folders = [route for path, route in self._routes.items() if path.endswith("/") and path != "/"]

    def find(self, asked: Asked) -> Route:
        """The route of a request.

        Raises:
            NotFound: there is none.
        """
        path = asked.path
        route = self._routes.get(path) or next((row for row in self._folders if path.startswith(row.path)), None)
        if route is None:
            raise NotFound(f"there is no {path} here", hint="this is the gateway: Ollama's /api and OpenAI's /v1")
        return route


def refuse_at(route: Route, asked: Asked) -> None:
    """Lets a request pass that its route takes, before anybody asks who sent it.

    Raises:
        WrongMethod, Forbidden: it does not.
    """
    refuse_method(asked, route)
    refuse_foreign_pages(asked)


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
