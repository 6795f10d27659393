"""``POST /join``, ``/heartbeat``, ``/renew``: a raw ASGI application, since every machine calls each second.

Who calls is told by the certificate that TLS has checked, never by anything in the request. Only ``/join`` is open to
who has none yet, and asks for the secret of a join line instead.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar

import structlog
from pydantic import BaseModel, ValidationError
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import MethodNotAllowed, NoSuchRoute, response_of
from cluster_ai.core.asgi.raw import ClientLeft, bearer, say, whole_body
from cluster_ai.core.asgi.shown import shown_in
from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.nodes.errors import NotItself
from cluster_ai.nodes.types import Heartbeat, HeartbeatReply, JoinReply, JoinRequest, RenewReply, RenewRequest
from cluster_ai.pki.peer import identity_of, serial_of
from cluster_ai.pki.types import REVOKED, CertificateRefused, Identity, PeerRole

log = structlog.get_logger(__name__)
BODY_BYTES: Final = 2 * 1024 * 1024
WORK: Final = "/api/v1/work/"

M = TypeVar("M", bound=BaseModel)
Reply: TypeAlias = JoinReply | HeartbeatReply | RenewReply


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end. ``identity`` is None without a certificate."""

    identity: Identity | None
    address: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the door hands requests to. Errors they raise are answered; ``refused`` is told of those that matter."""

    join: Callable[[JoinRequest, Caller], Awaitable[JoinReply]]
    heartbeat: Callable[[Heartbeat], Awaitable[HeartbeatReply]]
    renew: Callable[[str, RenewRequest], Awaitable[RenewReply]]
    refused: Callable[[Caller, str, ClusterError], Awaitable[None]]
    is_revoked: Callable[[str], bool]
    """By the serial number. Connections outlive the moment of it, and listeners read the list some seconds later."""
    cluster_id: str
    authority: str
    """The CA's certificate, PEM."""
    files: ASGIApp
    """Answers GET: the software that machines install."""
    work: ASGIApp | None = None
    """Answers what their workers ask about tickets."""


class MachinesDoor:
    """The application. TLS has let in members of this cluster, and newcomers without any certificate."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._posts = {"/join": self._join, "/heartbeat": self._heartbeat, "/renew": self._renew}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        caller = Caller(None, (scope.get("client") or ("",))[0])
        try:
            caller = self._caller(scope)
            if scope["method"] == "GET" and scope["path"] == "/ca":
                # Public, and worth nothing by itself: whoever asks knows its fingerprint from a join line.
                await PlainTextResponse(self._desk.authority)(scope, receive, send)
                return
            if scope["method"] == "GET":
                await self._desk.files(scope, receive, send)
                return
            if self._desk.work is not None and scope["path"].startswith(WORK):
                # Members alone may knock; which attempt it is about is told by the ticket's own token.
                self._check(caller)
                await self._desk.work(scope, receive, send)
                return
            reply = await self._posted(scope, caller, await whole_body(receive))
        except ClientLeft:
            return
        except ClusterError as exc:
            await self._desk.refused(caller, scope["path"], exc)
            await response_of(exc)(scope, receive, send)
            return
        await say(send, reply)

    async def _posted(self, scope: Scope, caller: Caller, body: bytes) -> Reply:
        post = self._posts.get(scope["path"])
        if post is None:
            raise NoSuchRoute("there is no such path")
        if scope["method"] != "POST":
            raise MethodNotAllowed("this path takes POST alone")
        return await post(caller, body)

    async def _join(self, caller: Caller, body: bytes) -> Reply:
        return await self._desk.join(_read(JoinRequest, body), caller)

    async def _heartbeat(self, caller: Caller, body: bytes) -> Reply:
        # Who calls is asked first: strangers shall not make us read megabytes.
        self._check(caller)
        beat = _read(Heartbeat, body)
        self._check(caller, beat.node_id)
        return await self._desk.heartbeat(beat)

    async def _renew(self, caller: Caller, body: bytes) -> Reply:
        return await self._desk.renew(self._check(caller), _read(RenewRequest, body))

    def _check(self, caller: Caller, node_id: str = "") -> str:
        """The machine that calls; it may speak for itself alone."""
        who = caller.identity
        if who is None or who.role is not PeerRole.NODE:
            raise CertificateRefused("this is for machines of the cluster, which show their certificate")
        if node_id and who.node_id != node_id:
            raise NotItself("a machine speaks for itself alone")
        return who.node_id

    def _caller(self, scope: Scope) -> Caller:
        shown = shown_in(scope)
        identity, serial = _known(shown) if shown else (None, "")
        if identity is not None and identity.cluster_id != self._desk.cluster_id:
            raise CertificateRefused("this certificate is of another cluster")
        if self._desk.is_revoked(serial):
            raise CertificateRefused("this certificate was revoked", values={"about": REVOKED})
        address = (scope.get("client") or ("",))[0]
        return Caller(identity, address, bearer(scope))


@lru_cache(maxsize=4096)
def _known(pem: str) -> tuple[Identity, str]:
    der = ssl.PEM_cert_to_DER_cert(pem)
    return identity_of(der), serial_of(der)


def _read(kind: type[M], body: bytes) -> M:
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:80] for part in first["loc"])
        raise InvalidInput(f"{where or 'the body'}: {first['msg'][:300]}", path=where) from exc
