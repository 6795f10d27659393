"""Who makes a gRPC call: told by the token in its metadata, else by the certificate that TLS has checked."""

from collections.abc import Container
from functools import lru_cache
from typing import Any, Protocol

from cryptography import x509

from backend.auth import by_token
from backend.caller import Caller
from backend.plane import Plane
from backend.policy import Rule, check
from backend.registry.callers import let_in, machine
from cluster_ai.core.errors import Unauthenticated
from cluster_ai.pki.peer import identity_of_pem
from cluster_ai.pki.types import CertificateRefused, Identity


class Admit(Protocol):
    """Lets a caller pass a rule, or raises."""

    async def __call__(self, plane: Plane, context: Any, rule: Rule, *, revoked: Container[int]) -> Caller: ...


async def admitted(plane: Plane, context: Any, rule: Rule, *, revoked: Container[int]) -> Caller:
    """The caller, who may pass ``rule``. Raises as ``caller_of``, and Forbidden."""
    caller = await caller_of(plane, context, revoked=revoked)
    let_in(caller, rule)
    return caller


async def signed_in(plane: Plane, context: Any, rule: Rule, *, revoked: Container[int]) -> Caller:
    """The same for what no machine may do in its own name."""
    caller = await caller_of(plane, context, revoked=revoked)
    check(rule, caller.principal)
    return caller


async def caller_of(plane: Plane, context: Any, *, revoked: Container[int]) -> Caller:
    """The caller of one call. ``revoked``: serial numbers of certificates that are worth nothing any more.

    Raises:
        Unauthenticated: neither token nor certificate, or a token that is worth nothing.
        CertificateRefused: its certificate was revoked, or is nobody's of this cluster.
    """
    address = _address(context.peer())
    shown = context.auth_context().get("x509_pem_cert")
    identity = _member(shown[0], revoked) if shown else None
    given = [value for name, value in context.invocation_metadata() or () if name == "authorization"]
    if given:
        return await by_token(plane, given, address=address)
    if identity is None:
        raise Unauthenticated("nobody is signed in", hint="send the metadata authorization: Bearer <access token>")
    return machine(identity, address=address)


def _member(pem: bytes, revoked: Container[int]) -> Identity:
    serial, identity = _read(pem)
    # gRPC's own TLS knows no lists of revoked certificates.
    if serial in revoked:
        raise CertificateRefused("this certificate was revoked")
    return identity


@lru_cache(maxsize=4096)
def _read(pem: bytes) -> tuple[int, Identity]:
    return x509.load_pem_x509_certificate(pem).serial_number, identity_of_pem(pem.decode("ascii"))


def _address(peer: str) -> str:
    """The host in ``ipv4:127.0.0.1:54321`` or ``ipv6:%5B::1%5D:54321``."""
    host = peer.partition(":")[2].rpartition(":")[0]
    return host.replace("%5B", "").replace("%5D", "").strip("[]")
