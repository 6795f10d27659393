"""Whose certificate it is: read from what TLS has checked already."""

import ssl
from typing import Protocol

from cryptography import x509

from cluster_ai.pki.types import SCHEME, CertificateRefused, Identity


class HasPeer(Protocol):
    """A TLS connection: ``ssl.SSLObject`` and ``ssl.SSLSocket``."""

    def getpeercert(self, binary_form: bool = ..., /) -> object: ...  # noqa: FBT001 - the standard library's signature


def identity_of(der: bytes) -> Identity:
    """The member of the cluster that the certificate names.

    Raises:
        CertificateRefused: it names none.
    """
    try:
        names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, x509.ExtensionNotFound) as exc:
        raise CertificateRefused("the certificate names no member of a cluster") from exc
    ours = [uri for uri in names.value.get_values_for_type(x509.UniformResourceIdentifier) if uri.startswith(SCHEME)]
    if len(ours) != 1:
        raise CertificateRefused("the certificate names no member of a cluster")
    return Identity.from_uri(ours[0])


def identity_of_pem(pem: str) -> Identity:
    """As ``identity_of``, of a certificate in PEM."""
    return identity_of(ssl.PEM_cert_to_DER_cert(pem))


def serial_of(der: bytes) -> str:
    """As ``Signed.serial`` has it."""
    return f"{x509.load_der_x509_certificate(der).serial_number:x}"


def peer_of(connection: HasPeer | None) -> Identity | None:
    """Who is at the other end; None without TLS, or when it showed no certificate.

    Raises:
        CertificateRefused: its certificate names no member of a cluster.
    """
    der = connection.getpeercert(True) if connection is not None else None  # noqa: FBT003
    return identity_of(der) if isinstance(der, bytes) else None
