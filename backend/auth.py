"""Who is calling: one door for every channel (internal token, access token, session cookie), HTTP and WebSocket."""

import hmac
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.requests import HTTPConnection
from starlette.responses import Response

from backend.caller import Caller
from backend.plane import Plane
from backend.policy import SAFE_METHODS, WEBSOCKET, Rule, check
from cluster_ai.core.addresses import is_loopback
from cluster_ai.core.errors import Forbidden, Unauthenticated
from cluster_ai.core.principals import Channel, Principal, Role

log = structlog.get_logger(__name__)

COOKIE: Final = "cluster_ai_session"
SECURE_COOKIE: Final = "__Host-cluster_ai_session"
LOCAL: Final = Principal(id="local", name="local", role=Role.ADMIN, channel=Channel.LOCAL)


class CrossOrigin(Forbidden):
    """A page of somebody else's made the browser call."""

    code = "cross_origin"


class CsrfMissing(Forbidden):
    """The cookie came without the token that only our own pages know."""

    code = "csrf"


async def authorise(connection: HTTPConnection, rule: Rule) -> Caller | None:
    """Lets the caller pass ``rule``; None for a stranger on an open route.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: somebody is, but may not; or another site's page made the call.
    """
    changing = rule.method not in SAFE_METHODS
    if changing:
        check_origin(connection)
    if rule.open:
        return None
    caller = await authenticate(connection)
    try:
        check(rule, caller.principal)
        if changing and caller.principal.channel is Channel.SESSION:
            _check_session_call(connection, caller, websocket=rule.method == WEBSOCKET)
    except Forbidden as exc:
        # Somebody who is signed in tried the doors: who watches the logs wants to know.
        who = {"user": caller.principal.name, "address": caller.address}
        log.warning("caller refused", **who, method=rule.method, route=rule.path, code=exc.code)
        raise
    return caller


async def authenticate(connection: HTTPConnection, *, touch: bool = True) -> Caller:
    """Who sent the credential that came along.

    Raises:
        Unauthenticated: no credential, or one that is worth nothing.
    """
    plane: Plane = connection.app.state.plane
    given = connection.headers.getlist("authorization")
    if given:
        # Never both: whoever shows a token is that token's owner, whatever cookie the browser adds.
        return await by_token(plane, given, address=address_of(connection))
    token = connection.cookies.get(cookie_name(connection), "")
    if not token:
        raise Unauthenticated("nobody is signed in", hint="sign in at /api/v1/auth/login", values={"about": "nobody"})
    user = await plane.accounts.of_session(token, touch=touch)
    principal = Principal(id=user.id, name=user.name, role=user.role, channel=Channel.SESSION)
    return Caller(principal, address_of(connection), user.password_chosen, token)


async def visitor(connection: HTTPConnection) -> Caller | None:
    """Who calls an open route, if they said so and are right."""
    try:
        return await authenticate(connection, touch=False)
    except Unauthenticated:
        return None


def check_origin(connection: HTTPConnection) -> None:
    """Refuses calls that another site's page makes.

    Raises:
        CrossOrigin: the browser says that a page from elsewhere makes this call.
    """
    origin = connection.headers.get("origin")
    if origin is not None and not _is_own(connection, origin):
        raise CrossOrigin("this call comes from a page of another site", hint="open the dashboard under one address")


def cookie_name(connection: HTTPConnection) -> str:
    """Browsers take the strict ``__Host-`` name over TLS only."""
    return SECURE_COOKIE if _is_secure(connection) else COOKIE


def set_cookie(connection: HTTPConnection, response: Response, token: str) -> None:
    """Hands the session to the browser: no script can read it, no other site can make it be sent."""
    response.set_cookie(
        cookie_name(connection), token, path="/", httponly=True, samesite="strict", secure=_is_secure(connection)
    )


def drop_cookie(connection: HTTPConnection, response: Response) -> None:
    """Takes it back."""
    response.delete_cookie(
        cookie_name(connection), path="/", httponly=True, samesite="strict", secure=_is_secure(connection)
    )


def address_of(connection: HTTPConnection) -> str:
    """Who calls. What a proxy claims is believed where settings name it (``BehindProxies``), and nowhere else."""
    return connection.client.host if connection.client else ""


async def by_token(plane: Plane, given: list[str], *, address: str) -> Caller:
    """Who shows these Authorization headers.

    Raises:
        Unauthenticated: there is not exactly one, or it is worth nothing.
    """
    scheme, _, token = given[0].partition(" ")
    if len(given) != 1 or scheme.lower() != "bearer" or not token:
        raise Unauthenticated("only one Authorization header of the kind Bearer is understood")
    if hmac.compare_digest(token.encode("utf-8", "replace"), plane.internal_token.encode("utf-8")):
        return Caller(LOCAL, address)
    bearer = await plane.accounts.of_token(token)
    user = bearer.user
    principal = Principal(id=user.id, name=user.name, role=user.role, channel=Channel.TOKEN, scopes=bearer.scopes)
    return Caller(principal, address, user.password_chosen, token)


def _check_session_call(connection: HTTPConnection, caller: Caller, *, websocket: bool) -> None:
    if connection.headers.get("origin") is None:
        raise CrossOrigin("a call with a cookie that changes something must say its origin")
    # A WebSocket cannot carry the header; its origin was checked and nothing can be changed through it.
    sent = connection.headers.get("x-csrf-token", "")
    if not websocket and not hmac.compare_digest(sent.encode("utf-8", "replace"), caller.csrf.encode("ascii")):
        raise CsrfMissing("the X-CSRF-Token header is missing or not this session's", hint="GET /api/v1/auth/me has it")


def _is_own(connection: HTTPConnection, origin: str) -> bool:
    scheme = "https" if _is_secure(connection) else "http"
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # The Host header was held against the allow-list before anything else.
    host = connection.headers.get("host", "")
    return origin.isascii() and parts.scheme == scheme and parts.netloc.lower() == host.lower() and not parts.path


def _is_secure(connection: HTTPConnection) -> bool:
    """Whether the browser's end is under TLS: that often ends at a proxy on this machine, which nobody else can be."""
    if connection.scope.get("scheme") in {"https", "wss"}:
        return True
    return connection.headers.getlist("x-forwarded-proto") == ["https"] and is_loopback(address_of(connection))
