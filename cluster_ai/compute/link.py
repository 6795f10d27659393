"""The certificates of this member as Dask wants them, followed while they are in use.

Dask hands its security object to the worker process of a nanny: it travels as the name of a folder, and every
process reads and follows the files for itself.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography import x509
from distributed.security import Security

from cluster_ai.compute.guarded import drop, guard
from cluster_ai.core.loops import every
from cluster_ai.pki.contexts import Renewed
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import NoCertificate

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""A revoked certificate counts no more after this."""


class Link(Security):
    """Mutual TLS over the files in ``folder``. Raises ``NoCertificate`` when they cannot be used.

    Args:
        folder: of this member's certificate.
        head: ``host:port`` of the scheduler, at which only a head may answer; empty in the scheduler itself.
    """

    def __init__(self, folder: Path, *, head: str = "") -> None:
        # What listens decides for itself: the scheduler has a second listener, in the clear, on loopback.
        super().__init__(require_encryption=False)  # type: ignore[no-untyped-call]
        guard()
        self.folder = folder
        self.head = head
        self._store = Store(folder)
        self._renewed = Renewed(folder)
        self._seen = self._told = self._store.signature()
        self._server = self._renewed.server()
        self._client = self._renewed.adopt(_by_certificate())

    def __reduce__(self) -> tuple[Any, ...]:
        return _linked, (self.folder, self.head)

    def for_http(self) -> ssl.SSLContext:
        """For connections to the head's other doors, where its name is checked; followed as all else here."""
        return self._renewed.client()

    def get_connection_args(self, role: str) -> dict[str, Any]:  # noqa: ARG002 - the library's signature
        return {"ssl_context": self._client, "require_encryption": True, "head": self.head}

    def get_listen_args(self, role: str) -> dict[str, Any]:
        return {"ssl_context": self._server, "require_encryption": role != "scheduler"}

    @asynccontextmanager
    async def followed(self, seconds: float = LOOK_SECONDS) -> AsyncIterator[None]:
        """Renewed certificates and lists of revoked ones take effect inside the block; open connections go on."""
        loop = asyncio.create_task(every(seconds, self.tick, name="certificates"))
        try:
            yield
        finally:
            loop.cancel()
            await asyncio.wait([loop])

    async def tick(self) -> None:
        """One look at the files."""
        now = await asyncio.to_thread(self._store.signature)
        if now == self._seen:
            return
        try:
            # On the loop: OpenSSL's contexts must not change while a handshake begins in another thread.
            self._renewed.refresh()
            revoked = await asyncio.to_thread(self._revoked)
        except NoCertificate as exc:
            # Perhaps half of them are new: looked at again, and told once.
            if now != self._told:
                log.warning("the new certificate cannot be used; the old one stays", reason=exc.message)
            self._told = now
            return
        self._seen = now
        log.info("certificates renewed", ended_connections=drop(revoked))

    def _revoked(self) -> frozenset[int]:
        try:
            found = x509.load_pem_x509_crl(self._store.revoked.read_bytes())
        except (OSError, ValueError) as exc:
            raise NoCertificate(f"{self._store.revoked} cannot be read: {exc}") from exc
        return frozenset(row.serial_number for row in found)


def _linked(folder: Path, head: str) -> Link:
    return Link(folder, head=head)


def _by_certificate() -> ssl.SSLContext:
    """Addresses in a LAN change: who it is stands in the certificate, and ``guarded`` reads it there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    return context
