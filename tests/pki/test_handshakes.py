"""Who may speak to whom: real handshakes between members of a cluster, strangers, and members that were thrown out."""

import ssl
import time
from pathlib import Path

import pytest

from cluster_ai.pki.contexts import Renewed, client_context, server_context
from cluster_ai.pki.types import HEAD_HOST, Identity, NoCertificate, PeerRole, node_host
from tests.pki.members import CLUSTER, Members, node_id, refusal, shake


@pytest.fixture
def members(tmp_path: Path) -> Members:
    return Members(tmp_path / "one", time.time())


def test_members_know_each_other(members: Members) -> None:
    head, (node, _) = members.head(), members.node(1)
    met, error = shake(server_context(head.folder), client_context(node.folder), HEAD_HOST)
    assert error == ""
    assert met is not None
    assert (met.role, met.node_id) == (PeerRole.NODE, node_id(1))
    met, error = shake(server_context(node.folder), client_context(head.folder), node_host(node_id(1)))
    assert error == ""
    assert met == Identity(PeerRole.HEAD, CLUSTER)


def test_another_member_does_not_pass_for_the_one_that_was_meant(members: Members) -> None:
    head, (one, _), (other, _) = members.head(), members.node(1), members.node(2)
    for server, host in ((other, node_host(node_id(1))), (one, HEAD_HOST)):
        assert "match" in refusal(server_context(server.folder), client_context(head.folder), host)


def test_strangers_are_refused(members: Members, tmp_path: Path) -> None:
    head = members.head()
    foreign = Members(tmp_path / "two", time.time()).node(1)[0]
    open_client = ssl.create_default_context()
    open_client.check_hostname, open_client.verify_mode = False, ssl.CERT_NONE
    foreign_client = client_context(foreign.folder)
    foreign_client.check_hostname, foreign_client.verify_mode = False, ssl.CERT_NONE
    for client in (open_client, foreign_client):
        assert refusal(server_context(head.folder), client, HEAD_HOST).startswith("refused")
    assert "verify" in refusal(server_context(foreign.folder), client_context(head.folder), node_host(node_id(1)))


def test_who_has_no_certificate_yet_may_speak_where_that_is_meant(members: Members, tmp_path: Path) -> None:
    head = members.head()
    newcomer = ssl.create_default_context(cadata=members.authority.pem)
    met, error = shake(server_context(head.folder, clients="optional"), newcomer, HEAD_HOST)
    assert (met, error) == (None, "")
    foreign = client_context(Members(tmp_path / "two", time.time()).node(1)[0].folder)
    foreign.check_hostname, foreign.verify_mode = False, ssl.CERT_NONE
    assert refusal(server_context(head.folder, clients="optional"), foreign, HEAD_HOST).startswith("refused")


def test_times_are_kept(members: Members) -> None:
    head, day = members.head(), 86_400.0
    old = members.node(1, now=time.time() - 10 * day, days=9)[0]
    early = members.node(2, now=time.time() + 3 * day)[0]
    for node in (old, early):
        assert refusal(server_context(head.folder), client_context(node.folder), HEAD_HOST).startswith("refused")
    slow_clock = members.node(3, now=time.time() + day)[0]
    assert (shake(server_context(head.folder), client_context(slow_clock.folder), HEAD_HOST))[1] == ""


def test_revoked_certificate_is_refused_by_contexts_that_are_in_use(members: Members) -> None:
    head, (node, signed), (other, _) = members.head(), members.node(1), members.node(2)
    renewed = Renewed(head.folder)
    server = renewed.server()
    assert (shake(server, client_context(node.folder), HEAD_HOST))[1] == ""
    members.revoke(signed.serial)
    head.put_revoked(members.list())
    assert renewed.refresh()
    assert not renewed.refresh(), "nothing changed since"
    assert refusal(server, client_context(node.folder), HEAD_HOST).startswith("refused")
    assert (shake(server, client_context(other.folder), HEAD_HOST))[1] == ""


def test_new_certificate_is_shown_by_contexts_that_are_in_use(members: Members) -> None:
    head, (node, old) = members.head(), members.node(1)
    renewed = Renewed(node.folder)
    client = renewed.client()
    members.node(1)
    assert renewed.refresh()
    # The old one is worth nothing any more, so that it is the new one that opens the door.
    members.revoke(old.serial)
    head.put_revoked(members.list())
    assert (shake(server_context(head.folder), client, HEAD_HOST))[1] == ""


def test_files_that_do_not_belong_together_leave_the_old_ones_in_force(members: Members) -> None:
    head, (node, _), (other, _) = members.head(), members.node(1), members.node(2)
    renewed = Renewed(node.folder)
    client = renewed.client()
    node.put(key=other.key.read_text(), certificate=node.certificate.read_text())
    with pytest.raises(NoCertificate):
        renewed.refresh()
    assert (shake(server_context(head.folder), client, HEAD_HOST))[1] == ""


def test_damaged_list_of_revoked_certificates_is_mended_by_the_next_one(members: Members) -> None:
    head, (node, signed) = members.head(), members.node(1)
    renewed = Renewed(head.folder)
    server = renewed.server()
    members.revoke(signed.serial)
    for text in ("", "rubbish", members.list()[:100]):
        head.revoked.write_text(text)
        assert head.revoked_number() == -1
        head.put_revoked(members.list())
        assert head.revoked_number() == 2
    head.revoked.unlink()
    head.put_revoked(members.list())
    renewed.refresh()
    assert refusal(server, client_context(node.folder), HEAD_HOST).startswith("refused")
