"""A machine without packages checks what the authority signed: the same verdict as the library that signs."""

import base64
import datetime as dt
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_ai.nodes.bundle import ecdsa
from cluster_ai.nodes.bundle.manifest import BadBundle, File, Manifest, Target, der_of, parse, read_manifest

KEY = ec.derive_private_key(0x1234567890ABCDEF << 100, ec.SECP256R1())
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")])
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, begin, begin + dt.timedelta(days=9))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


AUTHORITY = certificate(KEY)


def signed(message: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def manifest(**changed: object) -> Manifest:
    values: dict[str, object] = {
        "name": "0.1.0+ab12-py3.11-x86_64",
        "version": "0.1.0",
        "environment": "ab12-py3.11-x86_64",
        "python": "3.11",
        "architecture": "x86_64",
        "files": (File("program.tar.gz", 10, "0" * 64), File("wheels/a-1-py3-none-any.whl", 5, "1" * 64)),
    }
    return Manifest(**(values | changed))  # type: ignore[arg-type]


@settings(max_examples=15)
@given(st.binary(max_size=200), st.integers(1, ORDER - 1))
def test_what_any_key_signed_is_genuine_and_one_changed_bit_is_not(message: bytes, secret: int) -> None:
    key = ec.derive_private_key(secret, ec.SECP256R1())
    signature, point = signed(message, key), ecdsa.key_of(certificate(key))
    assert ecdsa.is_signed(message, signature, point)
    assert not ecdsa.is_signed(message + b"x", signature, point)
    r, s = decode_dss_signature(signature)
    assert not ecdsa.is_signed(message, encode_dss_signature(r, s ^ 1), point)
    assert not ecdsa.is_signed(message, encode_dss_signature(r ^ 1, s), point)


def test_another_keys_signature_is_not_genuine() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    assert not ecdsa.is_signed(b"m", signed(b"m", other), ecdsa.key_of(AUTHORITY))


GENUINE = signed(b"m")
# A signature is another one each time, so that these are known by their names alone.
FORGED = {
    "nothing": b"",
    "a head alone": b"\x30",
    "zeros": b"0" * 70,
    "r is 0": encode_dss_signature(0, 1),
    "s is 0": encode_dss_signature(1, 0),
    "r is the order": encode_dss_signature(ORDER, 1),
    "s is the order": encode_dss_signature(1, ORDER),
    "a byte too many": GENUINE + b"\0",
    "a byte too few": GENUINE[:-1],
    # As a forger might hope that the sign is lost.
    "r is -1": b"\x30\x06\x02\x01\xff\x02\x01\x01",
}


@pytest.mark.parametrize("what", FORGED)
def test_what_is_no_signature_is_refused_and_never_an_error(what: str) -> None:
    assert ecdsa.is_signed(b"m", FORGED[what], ecdsa.key_of(AUTHORITY)) is False


def test_a_certificate_of_another_kind_of_key_has_none() -> None:
    with pytest.raises(ValueError, match="no P-256 key"):
        ecdsa.key_of(certificate(ec.generate_private_key(ec.SECP384R1())))


def test_a_signed_list_is_read_back_as_it_was() -> None:
    raw = manifest().to_bytes()
    assert read_manifest(raw, base64.b64encode(signed(raw)), AUTHORITY) == manifest()


def test_a_list_that_was_changed_after_it_was_signed_is_refused() -> None:
    raw = manifest().to_bytes()
    with pytest.raises(BadBundle, match="not signed"):
        read_manifest(raw.replace(b'"size":10', b'"size":11'), base64.b64encode(signed(raw)), AUTHORITY)


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "wheels/../../x.whl", "wheels/a/b.whl", "wheels/.hidden.whl", "wheels/a.tar.gz", "x"],
)
def test_a_name_that_leaves_the_folder_is_refused_even_when_it_is_signed(name: str) -> None:
    raw = manifest(files=(File("program.tar.gz", 1, "0" * 64), File(name, 1, "0" * 64))).to_bytes()
    with pytest.raises(BadBundle):
        parse(raw)


@pytest.mark.parametrize("name", ["..", "a/b", "", "-rf", "a b", "x" * 200])
def test_a_version_whose_folder_would_be_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(BadBundle):
        parse(manifest(name=name).to_bytes())


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"format":1}', b'{"format":2,"files":[]}', b"null", b"\xff"])
def test_what_is_no_list_is_refused(raw: bytes) -> None:
    with pytest.raises(BadBundle):
        parse(raw)


def test_an_unknown_key_is_refused() -> None:
    told = json.loads(manifest().to_bytes())
    with pytest.raises(BadBundle):
        parse(json.dumps(told | {"also": 1}).encode())


def test_targets_are_written_as_they_are_read() -> None:
    assert str(Target.parse("py3.12-aarch64")) == "py3.12-aarch64"
    for wrong in ("", "py2.7-x86_64", "py3.11-mips", "py3.11-x86_64/..", "py3.11-x86_64\n"):
        with pytest.raises(BadBundle):
            Target.parse(wrong)


def test_a_certificate_is_found_in_its_text() -> None:
    text = base64.encodebytes(AUTHORITY).decode()
    assert der_of(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n") == AUTHORITY
    assert der_of("nothing") == b""
