"""What the head's authority and certificate say of themselves. Reads only."""

import hashlib
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cluster_ai.core.wire import View
from cluster_ai.pki.authority import CERTIFICATE, RESTORE, read_certificate
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import HeadFiles, NoCertificate


class CertificateFacts(View):
    """``fingerprint``: SHA-256 (DER), hexadecimal. ``not_after`` in Unix seconds. ``names``: hosts it is good for.

    ``due``: its head renews it at the next start; an authority is not renewed, so that its own says it has ended.
    """

    name: str
    fingerprint: str
    not_after: float
    names: tuple[str, ...] = ()
    due: bool


class TlsView(View):
    """None of either where none was made: a head with a LAN address makes them, or `cluster-ai tls make` does.

    ``cluster_id``: a UUID, which stands in the authority; empty where there is none.
    """

    cluster_id: str = ""
    authority: CertificateFacts | None = None
    certificate: CertificateFacts | None = None


def tls_facts(files: HeadFiles, now: float) -> TlsView:
    """What lies in the folders of ``files``. Blocks; makes and renews nothing. ``now`` in Unix seconds.

    Raises:
        NoCertificate: what lies there is damaged.
    """
    own, store = files.authority / CERTIFICATE, Store(files.store)
    authority = certificate = None
    cluster_id = ""
    if own.is_file():
        try:
            found = read_certificate(own.read_text(encoding="ascii"), own)
        except (OSError, UnicodeDecodeError) as exc:
            raise NoCertificate(f"{own} cannot be read: {exc}", hint=RESTORE) from exc
        cluster_id = str(UUID(str(found.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value)))
        authority = _facts(found, due=now >= found.not_valid_after_utc.timestamp())
    if store.certificate.is_file():
        certificate = _facts(store.found(), due=store.life().wants_renewal(now))
    return TlsView(cluster_id=cluster_id, authority=authority, certificate=certificate)


def _facts(found: x509.Certificate, *, due: bool) -> CertificateFacts:
    try:
        said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(str(one.value) for one in said)
    except x509.ExtensionNotFound:
        names = ()
    common = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return CertificateFacts(
        name=str(common[0].value) if common else "",
        fingerprint=hashlib.sha256(found.public_bytes(Encoding.DER)).hexdigest(),
        not_after=found.not_valid_after_utc.timestamp(),
        names=names,
        due=due,
    )
