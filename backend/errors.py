"""How errors look on the wire: one table from core error to status, one body shape (RFC 9457)."""

import asyncio
import math
from collections.abc import Iterable
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from backend.refusals import NodesFailed
from cluster_ai.accounts.types import TooManyAttempts
from cluster_ai.core import errors
from cluster_ai.core.asgi.middleware import BodyTooLarge
from cluster_ai.core.db_errors import DatabaseFull
from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.core.sentences import told
from cluster_ai.core.wire import View, dump_json

log = structlog.get_logger(__name__)
PROBLEM_TYPE: Final = "application/problem+json"


class MalformedBody(InvalidInput):
    """The body is no JSON that means one thing."""

    code = "malformed_body"


class UnsupportedMedia(InvalidInput):
    """The body is of a kind that this route does not take."""

    code = "unsupported_media_type"


class NoSuchRoute(errors.NotFound):
    code = "no_such_route"


class MethodNotAllowed(errors.Unsupported):
    code = "method_not_allowed"


class TooLarge(InvalidInput):
    code = "body_too_large"


STATUS: Final[tuple[tuple[type[ClusterError], int], ...]] = (
    (MalformedBody, 400),
    (UnsupportedMedia, 415),
    (TooLarge, 413),
    (NoSuchRoute, 404),
    (MethodNotAllowed, 405),
    (TooManyAttempts, 429),
    (DatabaseFull, 507),
    (NodesFailed, 502),
    (errors.InvalidInput, 422),
    (errors.NotFound, 404),
    (errors.Changed, 412),
    (errors.Conflict, 409),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.Unsupported, 501),
    (errors.Unavailable, 503),
    (errors.Misconfigured, 500),
    (ClusterError, 500),
)
"""The first class that fits decides; the more particular stand above the general."""

TITLES: Final = {
    400: "Malformed request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many attempts",
    500: "Internal error",
    501: "Not supported here",
    502: "A node failed",
    503: "Unavailable",
    507: "Out of space",
}


class FieldProblem(View):
    """One field that was refused. ``path`` is dotted, from the body, query or path."""

    path: str
    message: str


class Problem(View):
    """RFC 9457. ``code`` is stable; ``hint`` says what to do; ``values`` are for sentences in other languages."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    hint: str = ""
    errors: tuple[FieldProblem, ...] = ()
    values: dict[str, str] = Field(default_factory=dict)


def status_of(kind: type[ClusterError]) -> int:
    """The status that errors of ``kind`` are answered with."""
    return next(status for known, status in STATUS if issubclass(kind, known))


def problem_of(error: ClusterError) -> Problem:
    """``error`` as the body that says it."""
    status = status_of(type(error))
    path = error.path if isinstance(error, InvalidInput) else ""
    fields = (FieldProblem(path=path, message=error.message),) if path else ()
    # The words of an unexpected error may hold what only the log should see.
    detail = error.message if type(error) is not ClusterError else "something went wrong"
    return Problem(
        title=TITLES[status],
        status=status,
        detail=detail,
        code=error.code,
        hint=told(error, "en").hint,
        errors=fields,
        values=dict(error.values),
    )


def response_of(error: ClusterError) -> Response:
    """The whole answer for ``error``, with the headers that its status asks for."""
    response = _response(problem_of(error))
    if isinstance(error, errors.Unavailable):
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, errors.Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="cluster-ai"'
    if isinstance(error, TooLarge):
        response.headers["Connection"] = "close"
    return response


def install(app: FastAPI) -> None:
    """Every way in which a request can fail ends in the one shape."""
    app.add_exception_handler(ClusterError, _cluster_error)
    app.add_exception_handler(RequestValidationError, _refused_fields)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(BodyTooLarge, _too_large)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unexpected)


def _response(problem: Problem) -> Response:
    return Response(dump_json(problem.model_dump(mode="json")), problem.status, media_type=PROBLEM_TYPE)


async def _cluster_error(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, ClusterError)
    return response_of(exc)


async def _refused_fields(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    return refused_fields(exc)


def refused_fields(exc: RequestValidationError) -> Response:
    """The whole answer to a request with fields that are not right."""
    fields = tuple(_fields(exc.errors()))
    detail = f"{fields[0].path or 'the request'}: {fields[0].message}" if fields else "the request is not valid"
    return _response(
        Problem(title=TITLES[422], status=422, detail=detail, code=InvalidInput.code, errors=fields)
    )  # fmt: skip


def _fields(found: Iterable[Any]) -> Iterable[FieldProblem]:
    # Never the input itself: it may be a password, or half a megabyte.
    for error in list(found)[:20]:
        where = [str(part)[:80] for part in error["loc"] if part != "body"]
        yield FieldProblem(path=".".join(where), message=str(error["msg"])[:300])


async def _http_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    if isinstance(error := getattr(exc, "error", None), ClusterError):
        return response_of(error)
    if exc.status_code == 404:  # noqa: PLR2004 - the statuses of HTTP are their own names
        return await _no_route(request)
    if exc.status_code == 405:  # noqa: PLR2004
        response = response_of(MethodNotAllowed(f"{request.method[:16]} does not apply to this path"))
        response.headers.update(exc.headers or {})
        return response
    return response_of(MalformedBody(str(exc.detail)[:300]))


async def _no_route(request: Request) -> Response:
    """What no route took: a file or link of the dashboard, or nothing of ours."""
    path: str = request.scope["path"]
    # "//host/..." is a link to somebody else once a browser or a log reader sees it.
    if request.method not in {"GET", "HEAD"} or not path.startswith("/") or path.startswith("//"):
        return response_of(NoSuchRoute("there is no such path", hint="see docs/reference/api.md"))
    try:
        # Off the loop: it looks at the disk.
        answer: Response = await asyncio.to_thread(request.app.state.ui.answer, request, path[1:])
    except NoSuchRoute as exc:
        return response_of(exc)
    return answer


async def _too_large(_request: Request, _exc: Exception) -> Response:
    return response_of(TooLarge("the body is larger than this server takes"))


async def _left(_request: Request, _exc: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _unexpected(request: Request, exc: Exception) -> Response:
    log.error("unexpected error", method=request.method, exc_info=exc)
    return response_of(ClusterError("unexpected", hint="the log of the backend has the story"))
