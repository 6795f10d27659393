"""The node's listener: every route of Ollama's API, and OpenAI's beside them."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from cluster_ai.core.asgi.middleware import LOOPBACK_NAMES, host_name
from cluster_ai.core.asgi.observe import Observed
from cluster_ai.core.metrics import CONTENT_TYPE, HttpMetrics, render
from cluster_ai.engines.embedded import embeddings, lists, ollama, openai
from cluster_ai.engines.embedded.exchange import OLLAMA, OPENAI, Dialect, Posted, Reply
from cluster_ai.engines.embedded.node import Node

Work = Callable[[Node, dict[str, Any], Reply], Awaitable[None]]

_WRITES: Final[dict[str, Work]] = {
    "/api/chat": ollama.chat,
    "/api/generate": ollama.generate,
    "/api/embed": embeddings.embed_route,
    "/api/embeddings": embeddings.embeddings_route,
    "/api/show": lists.show,
    "/api/pull": lists.pull,
    "/api/push": lists.refuse_change,
    "/api/create": lists.refuse_change,
    "/api/copy": lists.refuse_change,
}
_OPENAI: Final[dict[str, Work]] = {
    "/v1/chat/completions": openai.chat_completions,
    "/v1/completions": openai.completions,
    "/v1/embeddings": openai.embeddings,
}


def create_app(node: Node, *, registry: CollectorRegistry, allowed_hosts: tuple[str, ...] = ()) -> ASGIApp:
    """The application; ``node`` is open already and outlives it."""
    routes = [
        Route("/", _got(lambda _: PlainTextResponse("Ollama is running"))),
        Route("/metrics", _got(lambda _: Response(render(registry), media_type=CONTENT_TYPE))),
        Route("/api/version", _got(lambda _: JSONResponse({"version": lists.OLLAMA_API}))),
        Route("/api/tags", _got(lambda _: JSONResponse(lists.tags(node)))),
        Route("/api/ps", _got(lambda _: JSONResponse(lists.loaded(node)))),
        Route("/v1/models", _got(lambda _: JSONResponse(lists.openai_models(node)))),
        Route("/v1/models/{name:path}", _got(lambda request: lists.openai_model(node, request.path_params["name"]))),
        Route("/api/delete", _posted(node, lists.refuse_change, OLLAMA), methods=["DELETE"]),
        Route("/api/blobs/{digest}", _got(_no_blobs), methods=["HEAD", "POST"]),
        *(Route(path, _posted(node, work, OLLAMA), methods=["POST"]) for path, work in _WRITES.items()),
        *(Route(path, _posted(node, work, OPENAI), methods=["POST"]) for path, work in _OPENAI.items()),
    ]
    return Observed(OwnPages(Faults(Router(routes)), allowed=allowed_hosts), metrics=HttpMetrics(registry))


def _posted(node: Node, work: Work, dialect: Dialect) -> Posted:
    return Posted(lambda body, reply: work(node, body, reply), dialect)


def _got(answer: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A plain function as an endpoint that stays on the event loop: Starlette would call it in a thread."""

    async def endpoint(request: Request) -> Response:
        return answer(request)

    return endpoint


class Faults:
    """The router's own refusals (404, 405) in the dialect of the path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # The router raises inside an application and answers plain text outside of one.
            scope["app"] = self
            await self.app(scope, receive, send)
        except HTTPException as exc:
            words = _words(scope, exc)
            body: dict[str, Any] = {"error": words}
            if scope["path"].startswith("/v1/"):
                body = {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": None}}
            await JSONResponse(body, exc.status_code, exc.headers)(scope, receive, send)


def _words(scope: Scope, exc: HTTPException) -> str:
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"method {scope['method'][:20]} is not allowed here"
    return "there is nothing at this path" if exc.status_code == HTTPStatus.NOT_FOUND else exc.detail


class OwnPages:
    """Answers 403 to a browser's page from elsewhere: it could not read the answer, but it could burn the processor."""

    def __init__(self, app: ASGIApp, *, allowed: tuple[str, ...]) -> None:
        self.app = app
        self.allowed = LOOPBACK_NAMES | {name.lower() for name in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"origin"]
        if all(_host_of(origin) in self.allowed for origin in origins):
            await self.app(scope, receive, send)
            return
        body = {"error": "pages of that origin may not use this node; add its host to allowed_hosts in config.toml"}
        await JSONResponse(body, HTTPStatus.FORBIDDEN)(scope, receive, send)


def _host_of(origin: str) -> str:
    try:
        return host_name(urlsplit(origin).netloc)
    except ValueError:
        return ""


def _no_blobs(_: Request) -> Response:
    return JSONResponse({"error": "this node takes no blobs: it cannot create models"}, HTTPStatus.NOT_IMPLEMENTED)
