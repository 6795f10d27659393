"""The registry for gRPC clients: on loopback by token, in the LAN under mutual TLS.

Every connection is bounded: the size of its messages, how many calls it may make at once, how long it may idle, and how
often its client may ask whether we are there.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import structlog
from cryptography import x509

from backend.plane import Plane
from backend.registry.answering import handlers, ticket_handlers
from cluster_ai.core.loops import every
from cluster_ai.core.sockets import PortTaken
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import NoCertificate

log = structlog.get_logger(__name__)
MOST_CALLS: Final = 2048
FAREWELL_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 5.0
OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a port that another program has is an error, not a lottery
    ("grpc.max_receive_message_length", 1024 * 1024),
    ("grpc.max_send_message_length", 32 * 1024 * 1024),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.max_connection_idle_ms", 300_000),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where it listens: on loopback, and at ``host`` in the LAN when there is one, with the certificate in ``tls``."""

    port: int
    host: str | None = None
    tls: Path = field(default_factory=Path)


class Credentials:
    """The head's certificate for gRPC, and who is not let in any more; both follow their files."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._signature: tuple[object, ...] = ()
        self._current: Any = None
        self.revoked: frozenset[int] = frozenset()

    def __contains__(self, serial: object) -> bool:
        return serial in self.revoked

    def refresh(self) -> None:
        """Loads what changed. Blocks for a moment.

        Raises:
            NoCertificate: the files cannot be used; what was loaded stays in force.
        """
        store, now = self._store, self._store.signature()
        if now == self._signature:
            return
        try:
            pair = (store.key.read_bytes(), store.certificate.read_bytes())
            self._current = grpc.ssl_server_certificate_configuration([pair], store.authority.read_bytes())
            listed = x509.load_pem_x509_crl(store.revoked.read_bytes())
        except (OSError, ValueError) as exc:
            raise NoCertificate(f"the certificate in {store.folder} cannot be used: {exc}") from exc
        self.revoked = frozenset(row.serial_number for row in listed)
        self._signature = now

    def for_server(self) -> Any:
        """Asked again at each new connection, so that a renewed certificate is in force at once."""
        return grpc.dynamic_ssl_server_credentials(
            self._current, lambda: self._current, require_client_authentication=True
        )

    async def follow(self) -> None:
        """Refreshes until cancelled."""
        await every(LOOK_SECONDS, lambda: asyncio.to_thread(self.refresh), name="grpc certificates")


@asynccontextmanager
async def grpc_served(plane: Plane, place: Place) -> AsyncIterator[None]:
    """Serves the registry while the block runs.

    Raises:
        PortTaken: something else listens there.
        NoCertificate: it is to listen in the LAN, and the head's certificate cannot be used.
    """
    credentials = Credentials(Store(place.tls))
    following = None
    if place.host is not None:
        await asyncio.to_thread(credentials.refresh)
        following = asyncio.create_task(credentials.follow())
    server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
    server.add_generic_rpc_handlers((handlers(plane, revoked=credentials), ticket_handlers(plane, revoked=credentials)))
    try:
        _listen(server, f"127.0.0.1:{place.port}", None)
        if place.host is not None:
            host = f"[{place.host}]" if ":" in place.host else place.host
            _listen(server, f"{host}:{place.port}", credentials.for_server())
        await server.start()
        log.info("the registry answers gRPC", port=place.port, lan=place.host or "")
        yield
    finally:
        await server.stop(FAREWELL_SECONDS)
        if following is not None:
            following.cancel()


def _listen(server: Any, address: str, credentials: Any) -> None:
    try:
        if credentials is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, credentials)
    except RuntimeError as exc:
        raise PortTaken(
            f"gRPC cannot listen on {address}", hint="stop the program that has it, or set ports.grpc"
        ) from exc
