"""What the CA signs, what it does not, and what lies on the disk."""

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.pki.authority import is_signed_by, open_authority
from cluster_ai.pki.peer import identity_of, serial_of
from cluster_ai.pki.requests import BadRequest, new_key, request_for
from cluster_ai.pki.store import Life, number_of
from cluster_ai.pki.types import CertificateRefused, Identity, NoCertificate, PeerRole
from tests.pki.members import CLUSTER, NOW, Members, node_id


@pytest.fixture
def members(tmp_path: Path) -> Members:
    return Members(tmp_path, time.time())


def test_authority_is_made_once_and_found_again(tmp_path: Path) -> None:
    first = open_authority(tmp_path, now=NOW, cluster_id=CLUSTER, name="a")
    second = open_authority(tmp_path, now=NOW + 100, cluster_id=node_id(9), name="b")
    assert (second.pem, second.fingerprint, second.cluster_id) == (first.pem, first.fingerprint, CLUSTER)
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600


def test_damaged_authority_is_not_replaced(tmp_path: Path) -> None:
    open_authority(tmp_path, now=NOW, cluster_id=CLUSTER, name="a")
    key = tmp_path / "ca.key"
    whole = key.read_text()
    for text in ("", "rubbish", whole[:100]):
        key.write_text(text)
        with pytest.raises(NoCertificate):
            open_authority(tmp_path, now=NOW, cluster_id=CLUSTER, name="a")
        assert key.read_text() == text
    key.write_text(whole)
    other = open_authority(tmp_path / "other", now=NOW, cluster_id=CLUSTER, name="a")
    (tmp_path / "ca.crt").write_text(other.pem)
    with pytest.raises(NoCertificate, match="does not belong"):
        open_authority(tmp_path, now=NOW, cluster_id=CLUSTER, name="a")


def test_certificate_names_who_the_authority_means_and_not_who_asks(members: Members) -> None:
    identity = Identity(PeerRole.NODE, CLUSTER, node_id(1))
    request = request_for(new_key(), "head.cluster-ai.internal")
    signed = members.authority.sign(request, identity, now=NOW, days=1, names=("tower.lan", "192.168.1.5", "fe80::1"))
    found = x509.load_pem_x509_certificate(signed.pem.encode())
    assert identity_of(found.public_bytes(Encoding.DER)) == identity
    assert serial_of(found.public_bytes(Encoding.DER)) == signed.serial
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [identity.host, "tower.lan"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.168.1.5", "fe80::1"]
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_requests_that_prove_nothing_are_refused(members: Members) -> None:
    name = x509.Name([])
    weak = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .sign(rsa.generate_private_key(public_exponent=65537, key_size=2048), hashes.SHA256())
    )
    curve = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())
    )
    good = request_for(new_key(), "x").splitlines()
    broken = "\n".join([*good[:-2], good[-2][:-8] + "AAAAAA==", good[-1]])
    for request in ("", "x", broken, *(one.public_bytes(Encoding.PEM).decode() for one in (weak, curve))):
        with pytest.raises(BadRequest):
            members.authority.sign(request, Identity(PeerRole.HEAD, CLUSTER), now=NOW, days=1)


def test_names_that_are_none_are_refused(members: Members) -> None:
    with pytest.raises(InvalidInput):
        members.authority.sign(
            request_for(new_key(), "x"), Identity(PeerRole.HEAD, CLUSTER), now=NOW, days=1, names=("tür.lan",)
        )


def test_pair_changes_at_once_and_the_old_one_goes(members: Members) -> None:
    store, _ = members.node(1)
    before = store.signature()
    first = store.found().serial_number
    members.node(1)
    assert store.found().serial_number != first
    assert store.signature() != before
    assert len(list(store.folder.glob("pair-*"))) == 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in (store.key, store.certificate)} == {0o600}
    store.remove()
    assert not store.is_there
    with pytest.raises(NoCertificate) as missing:
        store.found()
    assert "join the cluster again" in missing.value.hint


def test_older_list_of_revoked_does_not_bring_anybody_back(members: Members) -> None:
    store, signed = members.node(1)
    old = members.list()
    members.revoke(signed.serial)
    store.put_revoked(members.list())
    store.put_revoked(old)
    assert number_of(store.revoked.read_text()) == 2
    with pytest.raises(NoCertificate):
        number_of("rubbish")


def test_what_is_removed_while_lists_come_in_is_gone(members: Members) -> None:
    """A machine that leaves is revoked: the list that says so may come while its files go."""
    for number in range(1, 8):
        store, signed = members.node(number)
        lists = []
        for _ in range(30):
            members.revoke(signed.serial)
            lists.append(members.list())
        with ThreadPoolExecutor(1) as other:
            written = other.submit(lambda store=store, lists=lists: [store.put_revoked(one) for one in lists])
            store.remove()
            written.result(timeout=20)
        assert not store.folder.exists()
    assert not [path for path in members.folder.iterdir() if path.name.startswith(".node")]


def test_renewal_is_wanted_in_the_last_third() -> None:
    life = Life(NOW, NOW + 90)
    assert [life.wants_renewal(NOW + second) for second in (0, 59, 60, 100)] == [False, False, True, True]


def test_signature_is_the_authoritys_own(members: Members, tmp_path: Path) -> None:
    signature = members.authority.sign_bytes(b"data")
    assert is_signed_by(members.authority.pem, signature, b"data")
    assert not is_signed_by(members.authority.pem, signature, b"date")
    assert not is_signed_by(members.authority.pem, b"", b"data")
    other = open_authority(tmp_path / "other", now=NOW, cluster_id=CLUSTER, name="a")
    assert not is_signed_by(other.pem, signature, b"data")


@given(
    st.one_of(st.text(), st.from_regex(r"cluster-ai://[0-9a-f-]{30,40}/(head|node/[0-9a-f-]{30,40})?", fullmatch=True))
)
def test_no_text_is_taken_for_an_identity_that_it_is_not(text: str) -> None:
    try:
        identity = Identity.from_uri(text)
    except CertificateRefused:
        return
    assert identity.uri == text
