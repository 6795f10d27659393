"""Dask's TLS with what it leaves out: whose certificate it is, an end to waiting, and quiet about who only knocks.

Nothing that a peer sends is read before its certificate was found to be a member's: Dask's own first message, too,
comes after the handshake.
"""

import asyncio
import ssl
from collections import Counter
from typing import Any, Final

import structlog
from distributed.comm.core import Comm, FatalCommClosedError
from distributed.comm.registry import backends
from distributed.comm.tcp import TLS, TLSBackend, TLSConnector, TLSListener

from cluster_ai.pki.peer import identity_of
from cluster_ai.pki.types import CertificateRefused, Identity, PeerRole

log = structlog.get_logger(__name__)

HANDSHAKE_SECONDS: Final = 5.0
"""Dask itself would wait for ever for a peer that says nothing."""
MOST_HANDSHAKES: Final = 128
"""Under way at one time; whoever comes then is sent away and may come again."""
MOST_OF_ONE: Final = 32
"""... of them from one address, so that a single stranger cannot take all places."""
TELL_SECONDS: Final = 60.0
"""A stranger who tries and tries again is told of once in this time."""
MOST_STRANGERS: Final = 64


class Strangers:
    """Who was refused lately, so that the log is no place to write into from outside."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], float] = {}

    def is_news(self, address: str, why: str, *, now: float) -> bool:
        """Whether nobody was told of it in the last minute. ``now`` in seconds of any clock."""
        key = (address.rpartition(":")[0], why)
        if now - self._told.get(key, -TELL_SECONDS) < TELL_SECONDS:
            return False
        if len(self._told) >= MOST_STRANGERS:
            self._told.pop(next(iter(self._told)))
        self._told[key] = now
        return True


class GuardedListener(TLSListener):
    """Lets members of the cluster in, and nobody else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._shaking: Counter[str] = Counter()
        self._strangers = Strangers()

    async def _prepare_stream(self, stream: Any, address: str) -> Any:
        host = address.rpartition(":")[0]
        if self._shaking.total() >= MOST_HANDSHAKES or self._shaking[host] >= MOST_OF_ONE:
            stream.close()
            return None
        self._shaking[host] += 1
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await stream.wait_for_handshake()
            member_at(stream.socket)
        except TimeoutError:
            self._refuse(stream, address, "no handshake in time")
        except CertificateRefused as exc:
            self._refuse(stream, address, exc.message)
        except OSError as exc:
            found = getattr(exc, "real_error", None) or exc
            # A probe opens a connection and closes it: nothing was asked of us.
            is_knock = not isinstance(found, ssl.SSLError) or isinstance(
                found, ssl.SSLEOFError | ssl.SSLZeroReturnError
            )
            self._refuse(stream, address, "" if is_knock else why_not(found))
        else:
            return stream
        finally:
            self._shaking -= Counter({host: 1})
        return None

    def _refuse(self, stream: Any, address: str, why: str) -> None:
        stream.close()
        if why and self._strangers.is_news(address, why, now=asyncio.get_running_loop().time()):
            log.warning("connection refused", peer=address, reason=why)


class GuardedConnector(TLSConnector):
    """Reaches members of the cluster. Where the scheduler should be, nobody but a head will do."""

    async def connect(self, address: str, deserialize: bool = True, *, head: str = "", **more: Any) -> Any:  # noqa: FBT001, FBT002 - the library's signature
        comm = await super().connect(address, deserialize, **more)  # type: ignore[no-untyped-call]
        try:
            _check_place(member_at(comm.stream.socket), is_head=address == head)
        except CertificateRefused as exc:
            comm.abort()
            raise FatalCommClosedError(exc.message) from exc
        return comm


class GuardedBackend(TLSBackend):
    """What ``tls://`` means in our processes."""

    _connector_class = GuardedConnector
    _listener_class = GuardedListener


def guard() -> None:
    """From now on every ``tls://`` of this process is guarded."""
    backends["tls"] = GuardedBackend()


def member_at(sock: Any) -> Identity:
    """Whose certificate the peer showed.

    Raises:
        CertificateRefused: it names no member of a cluster, or there is none.
    """
    der = sock.getpeercert(True) if sock is not None else None  # noqa: FBT003 - the standard library's signature
    if not der:
        raise CertificateRefused("the peer showed no certificate")
    return identity_of(der)


def _check_place(found: Identity, *, is_head: bool) -> None:
    if is_head and found.role is not PeerRole.HEAD:
        raise CertificateRefused(f"what answers there is {found.host}, and no head")


def drop(revoked: frozenset[int]) -> int:
    """Ends every open connection of this process to owners of these serial numbers; how many there were."""
    found = [comm for comm in list(Comm._instances) if isinstance(comm, TLS) and _serial(comm) in revoked]  # noqa: SLF001 - Dask's own list of them
    for comm in found:
        comm.abort()
    return len(found)


def why_not(error: BaseException) -> str:
    """A failed handshake in a few words: ``certificate revoked``, ``http request``."""
    text = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    return str(text).lower().replace("_", " ")


def _serial(comm: Any) -> int:
    said = comm.extra_info.get("peercert") or {}
    return int(said.get("serialNumber", "0"), 16)
