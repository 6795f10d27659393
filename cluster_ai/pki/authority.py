"""The cluster's own certificate authority: an EC key in the head's data directory, and what it signs.

Certificates name members of the cluster, not addresses: machines of a LAN change theirs. RFC 5280 throughout.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.paths import make_secret
from cluster_ai.pki.requests import key_pem, new_key, public_key_of
from cluster_ai.pki.types import DOMAIN, Identity, NoCertificate

YEARS: Final = 20
BACKDATED: Final = timedelta(days=2)
"""Clocks in a LAN differ, by a day where a battery is empty: a certificate is good before it was made."""
LIST_LIFE: Final = timedelta(days=3650)
"""A list of revoked certificates does not grow old by itself: a cluster works on while its head is away."""
KEY: Final = "ca.key"
CERTIFICATE: Final = "ca.crt"


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate that was made. ``not_after`` in Unix seconds; ``serial`` as hexadecimal text."""

    pem: str
    serial: str
    not_after: float


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that counts no more, since ``at`` (Unix seconds)."""

    serial: str
    at: float


class Authority:
    """Signs and revokes. ``open_authority`` makes or reads it."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate
        self.pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
        self.fingerprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
        """SHA-256 of the certificate (DER), hexadecimal: what a join line carries."""
        self.cluster_id = str(UUID(_text(certificate.subject, NameOID.SERIAL_NUMBER)))

    def sign(self, request: str, identity: Identity, *, now: float, days: float, names: Iterable[str] = ()) -> Signed:
        """A certificate for the key in ``request``: its owner is ``identity``, whatever the request itself says.

        Args:
            request: PEM.
            identity: of this cluster.
            now: Unix seconds.
            days: of its life.
            names: further DNS names and addresses.

        Raises:
            BadRequest: the request is none.
            InvalidInput: a name is neither a DNS name nor an address, or that of another member.
        """
        key, start, serial = public_key_of(request), _moment(now), x509.random_serial_number()
        end = start + timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.host)]))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(start - BACKDATED)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            # Every member is server and client: machines fetch models from each other.
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(_alternatives(identity, names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(self._issuer_key(), critical=False)
        )
        made = builder.sign(self._key, hashes.SHA256())
        return Signed(made.public_bytes(Encoding.PEM).decode("ascii"), f"{serial:x}", end.timestamp())

    def revocation_list(self, revoked: Iterable[Revoked], *, now: float, number: int) -> str:
        """The list of certificates that count no more, PEM. ``number`` grows with each list."""
        # OpenSSL takes the list that says it is the latest; so is one made in the same second, or by a clock set back.
        latest = self._certificate.not_valid_before_utc + timedelta(seconds=number)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(latest)
            .next_update(max(_moment(now), latest) + LIST_LIFE)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(self._issuer_key(), critical=False)
        )
        for one in revoked:
            row = x509.RevokedCertificateBuilder().serial_number(int(one.serial, 16)).revocation_date(_moment(one.at))
            builder = builder.add_revoked_certificate(row.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode("ascii")

    def sign_bytes(self, data: bytes) -> bytes:
        """A signature (ECDSA with SHA-256, DER) that ``is_signed_by`` checks."""
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))

    def _issuer_key(self) -> x509.AuthorityKeyIdentifier:
        found = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def open_authority(folder: Path, *, now: float, cluster_id: str, name: str) -> Authority:
    """The authority in ``folder``, made there when there is none. Blocks; two may race.

    Args:
        folder: private to this user; made when missing.
        now: Unix seconds.
        cluster_id: a UUID, for a new one.
        name: of the cluster, for people who look into the certificate.

    Raises:
        NoCertificate: what stands there is no authority.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = _read_key(folder / KEY, make_secret(folder / KEY, key_pem(new_key()).strip()))
    made = _self_signed(key, now=now, cluster_id=cluster_id, name=name)
    text = make_secret(folder / CERTIFICATE, made.public_bytes(Encoding.PEM).decode("ascii").strip())
    certificate = read_certificate(text, folder / CERTIFICATE)
    if certificate.public_key() != key.public_key():
        raise NoCertificate(f"{folder / CERTIFICATE} does not belong to the key beside it", hint=RESTORE)
    return Authority(key, certificate)


def is_signed_by(authority: str, signature: bytes, data: bytes) -> bool:
    """Whether the owner of the certificate ``authority`` (PEM) signed ``data``."""
    key = x509.load_pem_x509_certificate(authority.encode()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey), "an authority's key is on a curve"
    try:
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def read_certificate(pem: str, path: Path | str) -> x509.Certificate:
    """The certificate in ``pem``; ``path`` is named when there is none.

    Raises:
        NoCertificate: it is none.
    """
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as exc:
        raise NoCertificate(f"{path} holds no certificate", hint=RESTORE) from exc


RESTORE: Final = "restore the folder secrets from a backup; a new authority means that every machine joins again"


def _read_key(path: Path, text: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise NoCertificate(f"{path} holds no key", hint=RESTORE) from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise NoCertificate(f"{path} holds another kind of key", hint=RESTORE)
    return key


def _self_signed(key: ec.EllipticCurvePrivateKey, *, now: float, cluster_id: str, name: str) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cluster AI"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Authority of {name}"[:64]),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, cluster_id),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(16)) >> 1)
        .not_valid_before(_moment(now) - BACKDATED)
        .not_valid_after(_moment(now) + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(identity: Identity, names: Iterable[str]) -> x509.SubjectAlternativeName:
    found: list[x509.GeneralName] = [x509.UniformResourceIdentifier(identity.uri), x509.DNSName(identity.host)]
    found.extend(_general(name) for name in dict.fromkeys(names) if name != identity.host)
    return x509.SubjectAlternativeName(found)


def _general(name: str) -> x509.GeneralName:
    if name.lower().rstrip(".").endswith(DOMAIN):
        raise InvalidInput(f"{name!r} is what another member of the cluster is known by")
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as exc:
        raise InvalidInput(f"{name!r} is neither a host name nor an address") from exc


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _text(name: x509.Name, kind: x509.ObjectIdentifier) -> str:
    return str(name.get_attributes_for_oid(kind)[0].value)
