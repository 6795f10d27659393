"""TLS contexts of a member, and how they follow its files: new connections use what is new, open ones go on.

Both sides show a certificate of the cluster's CA, TLS 1.3 only. A client checks whom it reached by the name in the
certificate (``Identity.host``): pass it as ``server_hostname``.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Final, Literal

import structlog

from cluster_ai.core.loops import every
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import NoCertificate

log = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 5.0

Clients = Literal["required", "optional"]


def server_context(folder: Path, *, clients: Clients = "required") -> ssl.SSLContext:
    """For a listener. ``optional``: whoever shows no certificate may speak, too; a wrong one is refused either way.

    Raises:
        NoCertificate: the files are not there or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A resumed session would not be asked for its certificate again, revoked or not.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    context.verify_mode = ssl.CERT_REQUIRED if clients == "required" else ssl.CERT_OPTIONAL
    fill(context, Store(folder))
    return context


def client_context(folder: Path) -> ssl.SSLContext:
    """For connections to other members. Raises as ``server_context``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    fill(context, Store(folder))
    return context


def fill(context: ssl.SSLContext, store: Store) -> None:
    """Loads what the store holds now; into a context that is in use, too. Raises as ``server_context``."""
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    _load(context, store)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _load(context: ssl.SSLContext, store: Store) -> None:
    try:
        context.load_verify_locations(store.authority)
        # Of several lists of one CA the newest counts (OpenSSL, X509_STORE_CTX_get_crl_fn).
        context.load_verify_locations(store.revoked)
        context.load_cert_chain(store.certificate, store.key)
    except (OSError, ssl.SSLError) as exc:
        raise NoCertificate(
            f"the certificate in {store.folder} cannot be used: {exc}", hint="let this machine join the cluster again"
        ) from exc


def mixed_context(folder: Path) -> ssl.SSLContext:
    """For a client that reaches members of the cluster and servers of the world beyond with the same settings.

    Servers of the world are on no list of ours, so that none is asked for: whom to call must be known from elsewhere.
    Raises as ``server_context``.
    """
    context = ssl.create_default_context()
    _load(context, Store(folder))
    return context


class Renewed:
    """Contexts over one folder that follow its files. ``refresh`` blocks for a moment: call it in a thread."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)
        self._contexts: list[ssl.SSLContext] = []
        self._signature = self._store.signature()

    def server(self, *, clients: Clients = "required") -> ssl.SSLContext:
        """As ``server_context``, and kept up to date."""
        return self.adopt(server_context(self._store.folder, clients=clients))

    def client(self) -> ssl.SSLContext:
        """As ``client_context``, and kept up to date."""
        return self.adopt(client_context(self._store.folder))

    def mixed(self) -> ssl.SSLContext:
        """As ``mixed_context``, and kept up to date."""
        context = mixed_context(self._store.folder)
        self._contexts.append(context)
        return context

    def adopt(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """A context of somebody else's making, filled and kept up to date from now on. Raises as ``server_context``."""
        fill(context, self._store)
        self._contexts.append(context)
        return context

    def refresh(self) -> bool:
        """Loads what changed since the last time; whether anything did.

        Raises:
            NoCertificate: the new files cannot be used; what was loaded stays in force.
        """
        now = self._store.signature()
        if now == self._signature:
            return False
        for context in self._contexts:
            _load(context, self._store)
        self._signature = now
        return True

    async def follow(self, seconds: float = LOOK_SECONDS) -> None:
        """Refreshes until cancelled."""
        await every(seconds, self._tick, name="certificates")

    async def _tick(self) -> None:
        try:
            if await asyncio.to_thread(self.refresh):
                log.info("certificate renewed", folder=str(self._store.folder))
        except NoCertificate as exc:
            log.warning("the new certificate cannot be used; the old one stays", reason=exc.message)
