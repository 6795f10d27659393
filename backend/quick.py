"""Routes for what is called hundreds of times a second: policy, body and errors as everywhere, at a third of the price.

The framework asks every route whether a request is its own, finds out each time what an endpoint wants, and looks at
each answer; here all of that is known from the start. An endpoint of this kind takes texts of its path, one body model,
``plane`` and ``caller``, and answers a view. To the framework it is a route like any other, and so described.
"""

import inspect
from collections.abc import Iterable
from typing import Any, get_type_hints

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.requests import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from backend.auth import authorise
from backend.errors import MalformedBody, refused_fields, response_of
from backend.routed import Handle, PolicedRoute, check_kind, plane_of, required_rule
from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.core.wire import JSON_TYPE, parse_json


class QuickRoute(PolicedRoute):
    """One method, one body. ``answer`` is all of it, for ``Shortcuts``."""

    answer: Handle

    def get_route_handler(self) -> Handle:
        (method,) = tuple(self.methods or ())
        rule, endpoint, status = required_rule(method, self.path), self.endpoint, self.status_code or 200
        name, model = _body_of(endpoint)

        async def handle(request: Request) -> Response:
            caller = request.state.caller = await authorise(request, rule)
            body = await request.body()
            check_kind(request, body)
            said = {name: _read(model, body), "plane": plane_of(request), "caller": caller}
            answer: BaseModel = await endpoint(**request.path_params, **said)
            return Response(answer.model_dump_json(), status, media_type=JSON_TYPE)

        self.answer = handle
        return handle


class Shortcuts:
    """An ASGI layer in front of the application: what its quick routes answer never enters it."""

    def __init__(self, app: FastAPI, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes = [route for route in routes if isinstance(route, QuickRoute)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._found(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["app"], scope["route"] = self._app, route
        try:
            response = await route.answer(Request(scope, receive))
        except ClusterError as exc:
            response = response_of(exc)
        except RequestValidationError as exc:
            response = refused_fields(exc)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    def _found(self, scope: Scope) -> QuickRoute | None:
        method, path = scope["method"], scope["path"]
        for route in self._routes:
            if method in (route.methods or ()) and (match := route.path_regex.match(path)):
                scope["path_params"] = match.groupdict()
                return route
        return None


def _body_of(endpoint: Any) -> tuple[str, type[BaseModel]]:
    hints = get_type_hints(endpoint)
    models = {
        name: hints[name]
        for name in inspect.signature(endpoint).parameters
        if isinstance(hints[name], type) and issubclass(hints[name], BaseModel)
    }
    ((name, model),) = models.items()
    return name, model


def _read(model: type[BaseModel], body: bytes) -> BaseModel:
    try:
        return model.model_validate(parse_json(body))
    except InvalidInput as exc:
        raise MalformedBody(exc.message, path=exc.path) from exc
    except ValidationError as exc:
        found = [{**row, "loc": ("body", *row["loc"])} for row in exc.errors(include_url=False, include_input=False)]
        raise RequestValidationError(found) from exc
