"""The head as a machine reaches it: any of its addresses, always under TLS, known by its certificate."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from cluster_ai.core.bodies import read_whole
from cluster_ai.core.errors import ClusterError, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from cluster_ai.core.errors import Unavailable as NotThere
from cluster_ai.core.wire import parse_object
from cluster_ai.nodes.lines import Line
from cluster_ai.nodes.types import Heartbeat, HeartbeatReply, JoinReply, JoinRequest, RenewReply, RenewRequest
from cluster_ai.pki.types import HEAD_HOST, REVOKED, CertificateRefused

CONNECT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 10.0
LARGEST: Final = 4 * 1024 * 1024
_KINDS: Final[dict[int, type[ClusterError]]] = {
    401: Unauthenticated, 403: Forbidden, 404: NotFound, 409: Conflict, 422: InvalidInput,
}  # fmt: skip

_TIMES: Final = {
    9: "its certificate is not good yet; is this machine's clock behind?",
    10: "its certificate has expired, or this machine's clock is ahead",
}
"""By OpenSSL's own numbers (X509_V_ERR)."""

M = TypeVar("M", bound=BaseModel)


class Expelled(Forbidden):
    """The head took this machine out of the cluster, and says so on the connection that stood already.

    A new one is refused in its handshake, of which nothing can be read for sure.
    """

    code = "expelled"


class HeadAway(NotThere):
    """No address of the head answers."""

    code = "head_away"


@dataclass(slots=True)
class Head:
    """``heads``: https URLs, the best first; the one that answered last is tried first."""

    session: aiohttp.ClientSession
    heads: tuple[str, ...]
    tls: ssl.SSLContext
    _best: int = field(default=0)

    async def join(self, request: JoinRequest, token: str) -> JoinReply:
        """Raises what the head says, and as ``_post``."""
        return await self._post("/join", request, JoinReply, {"Authorization": f"Bearer {token}"})

    async def beat(self, beat: Heartbeat) -> HeartbeatReply:
        """Raises what the head says, and as ``_post``."""
        return await self._post("/heartbeat", beat, HeartbeatReply, {})

    async def renew(self, request: str) -> str:
        """A new certificate (PEM) for a signing request."""
        reply = await self._post("/renew", RenewRequest(request=request), RenewReply, {})
        return reply.certificate

    async def _post(self, path: str, body: BaseModel, kind: type[M], headers: dict[str, str]) -> M:
        """The head's answer from the first address that gives one.

        Raises:
            HeadAway: none does.
            ClusterError: it refused, with its own code.
        """
        raw = body.model_dump_json().encode()
        said: list[str] = []
        for step in range(len(self.heads)):
            number = (self._best + step) % len(self.heads)
            try:
                answer = await self._ask(self.heads[number] + path, raw, headers)
            except (aiohttp.ClientError, TimeoutError, OSError) as exc:
                said.append(f"{self.heads[number]}: {_words(exc)}")
                continue
            self._best = number
            return _read(answer, kind)
        raise HeadAway(
            f"the head does not answer ({'; '.join(said)})"[:500], hint="is it switched on, and in this LAN?"
        )

    async def _ask(self, url: str, raw: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        call = self.session.post(
            url,
            data=raw,
            ssl=self.tls,
            server_hostname=HEAD_HOST,
            headers={"Content-Type": "application/json", **headers},
            allow_redirects=False,
        )
        async with call as response:
            return response.status, await read_whole(response.content, LARGEST)


@asynccontextmanager
async def reaching(heads: tuple[str, ...], tls: ssl.SSLContext) -> AsyncIterator[Head]:
    """The head, for as long as a block runs."""
    limits = aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS)
    # A proxy of the environment is for the world outside.
    async with aiohttp.ClientSession(timeout=limits, trust_env=False) as session:
        yield Head(session, tuple(head.rstrip("/") for head in heads), tls)


async def authority_of(line: Line) -> tuple[str, ssl.SSLContext]:
    """The CA's certificate (PEM) from the head that the line names, checked by its fingerprint, and a context for it.

    Nothing secret is sent before the fingerprint fits.

    Raises:
        HeadAway: no address of the line answers.
        WrongHead: what answers there is another cluster, or somebody between.
    """
    strange = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    strange.check_hostname, strange.verify_mode = False, ssl.CERT_NONE
    said: list[str] = []
    limits = aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS)
    async with aiohttp.ClientSession(timeout=limits, trust_env=False) as session:
        for place in line.heads:
            try:
                async with session.get(f"https://{place}/ca", ssl=strange, allow_redirects=False) as response:
                    raw = await read_whole(response.content, 64 * 1024)
            except (aiohttp.ClientError, TimeoutError, OSError) as exc:
                said.append(f"{place}: {_words(exc)}")
                continue
            return await asyncio.to_thread(_checked, raw, line, place)
    raise HeadAway(
        f"the head does not answer ({'; '.join(said)})"[:500],
        hint="can this machine reach it? See that both are in one network and no firewall is between them",
    )


class WrongHead(Forbidden):
    """What answers at the head's address is not the head that made the line."""

    code = "wrong_head"


def _checked(raw: bytes, line: Line, place: str) -> tuple[str, ssl.SSLContext]:
    try:
        der = ssl.PEM_cert_to_DER_cert(raw.decode("ascii"))
    except ValueError:
        der = b""
    found = hashlib.sha256(der).hexdigest() if der else ""
    if found != line.fingerprint:
        raise WrongHead(
            f"what answers at {place} is not the head that made this line (its CA is {found[:16] or 'none'}..., "
            f"the line says {line.fingerprint[:16]}...)",
            hint="copy the line anew; if it stays so, somebody stands between this machine and the head",
        )
    # What fits is written anew: behind the certificate that was asked for there may stand another one in the answer.
    pem = ssl.DER_cert_to_PEM_cert(der)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=pem)
    return pem, context


def _read(answer: tuple[int, bytes], kind: type[M]) -> M:
    status, raw = answer
    if status >= 300:  # noqa: PLR2004 - the statuses of HTTP are their own names
        raise _refusal(status, raw)
    try:
        return kind.model_validate_json(raw)
    except ValidationError as exc:
        raise NotThere("the head answers in words of another version", hint="update this machine, or the head") from exc


def _refusal(status: int, raw: bytes) -> ClusterError:
    try:
        said = parse_object(raw)
    except InvalidInput:
        said = {}
    message = str(said.get("detail") or f"the head answered {status}")
    found = said.get("values")
    values = {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}
    if said.get("code") == CertificateRefused.code and values.get("about") == REVOKED:
        return _expelled()
    error = _KINDS.get(status, NotThere)(message, hint=str(said.get("hint", "")), values=values)
    return error.coded(str(said.get("code", "")))


def _expelled() -> Expelled:
    return Expelled(
        "the head took this machine out of the cluster", hint="let it join again: cluster-ai node invite, on the head"
    )


def _words(exc: BaseException) -> str:
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        code = getattr(exc.certificate_error, "verify_code", 0)
        return _TIMES.get(code, "its certificate is not the head's")
    if isinstance(exc, aiohttp.ClientConnectorError) and exc.os_error.strerror:
        return exc.os_error.strerror.lower()
    return "no answer in time" if isinstance(exc, TimeoutError) else (str(exc) or type(exc).__name__)[:120]
