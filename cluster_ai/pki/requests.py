"""A key of one's own, and the request for a certificate that shows only its public half."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cluster_ai.core.errors import InvalidInput


class BadRequest(InvalidInput):
    """What was sent is no certificate signing request, or its owner does not hold the key."""

    code = "bad_certificate_request"


def new_key() -> ec.EllipticCurvePrivateKey:
    """On NIST P-256, which every TLS library speaks."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def request_for(key: ec.EllipticCurvePrivateKey, name: str) -> str:
    """A signing request, PEM. Whom the certificate will name is the CA's affair: only the key counts."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    signed = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode("ascii")


def public_key_of(request: str) -> ec.EllipticCurvePublicKey:
    """The key in a signing request that was signed by it.

    Raises:
        BadRequest: it is none, or the key is of another kind than ours.
    """
    try:
        read = x509.load_pem_x509_csr(request.encode())
        key = read.public_key()
        is_signed = read.is_signature_valid
    except (ValueError, TypeError) as exc:
        raise BadRequest("that is no certificate signing request") from exc
    if not is_signed or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadRequest("the request is not signed by a P-256 key of its own")
    return key
