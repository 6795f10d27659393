"""The kind of route that every route is: policy first, then a strictly read body, then the endpoint."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends
from fastapi.requests import HTTPConnection, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from backend.auth import authorise
from backend.caller import Caller
from backend.errors import MalformedBody, UnsupportedMedia
from backend.plane import Plane
from backend.policy import Rule, rule_of
from cluster_ai.core.errors import InvalidInput, Misconfigured
from cluster_ai.core.wire import JSON_TYPE, parse_json

Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class BodyRefused(HTTPException):
    """Carries our error through the framework, which lets only its own exceptions out of a body's parsing."""

    def __init__(self, error: InvalidInput) -> None:
        super().__init__(400)
        self.error = error


class StrictRequest(Request):
    """Reads JSON that means one thing only."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            try:
                self._json = parse_json(await self.body())
            except InvalidInput as exc:
                raise BodyRefused(MalformedBody(exc.message, path=exc.path)) from exc
        return self._json


class PolicedRoute(APIRoute):
    """Asks the policy before it reads a byte of the body. A route without a line in the table does not start."""

    def get_route_handler(self) -> Handle:
        inner = super().get_route_handler()
        rules = {method: required_rule(method, self.path) for method in self.methods or ()}
        takes_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            request.state.caller = await authorise(request, rules[request.method])
            strict = StrictRequest(request.scope, request.receive)
            if takes_body:
                # Read here: inside, the framework would turn an oversized body into a 400.
                check_kind(strict, await strict.body())
            return await inner(strict)

        return handle


class ShortRoute(PolicedRoute):
    """A short path that is the address of a page, too: programs get the answer, a browser that goes there the page."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        accepted = b",".join(value for name, value in scope.get("headers", ()) if name == b"accept")
        return (Match.NONE, {}) if b"text/html" in accepted else super().matches(scope)


def required_rule(method: str, path: str) -> Rule:
    """The policy's line for a route.

    Raises:
        Misconfigured: nobody decided who may call this route.
    """
    rule = rule_of(method, path)
    if rule is None:
        raise Misconfigured(f"{method} {path} has no line in backend/policy.py", hint="decide who may call it")
    return rule


def plane_of(connection: HTTPConnection) -> Plane:
    plane: Plane = connection.app.state.plane
    return plane


def caller_of(connection: HTTPConnection) -> Caller:
    """The caller that the policy let pass; on an open route there is none, and none may be asked for."""
    caller: Caller | None = connection.state.caller
    assert caller is not None, "an open route asks for its caller"
    return caller


ThePlane = Annotated[Plane, Depends(plane_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]


def check_kind(request: Request, body: bytes) -> None:
    """Refuses a body that is not said to be JSON: a form of another site's page could send it.

    Raises:
        UnsupportedMedia: it is said to be something else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != JSON_TYPE:
        raise UnsupportedMedia(f"the body must be {JSON_TYPE}", hint=f"send Content-Type: {JSON_TYPE}")
