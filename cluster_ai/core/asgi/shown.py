"""The certificate that a client showed, as the ASGI TLS extension tells it to the application."""

import asyncio
import ssl

from starlette.types import Scope


def shown_by(transport: asyncio.BaseTransport) -> tuple[str, ...] | None:
    """The client's certificate (PEM) after TLS has checked it; nothing when it showed none; None without TLS."""
    connection = transport.get_extra_info("ssl_object")
    if connection is None:
        return None
    der = connection.getpeercert(True)  # noqa: FBT003 - the standard library's signature
    return (ssl.DER_cert_to_PEM_cert(der),) if der else ()


def shown_in(scope: Scope) -> str:
    """The same for the application: PEM, or empty."""
    chain = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain", ())
    return chain[0] if chain else ""
