"""gRPC in the LAN: only members of the cluster get in, a machine speaks of itself alone, a revoked one not at all."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from backend.registry import grpc_server
from backend.registry.grpc_server import Place, grpc_served
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import HEAD_HOST, NoCertificate
from cluster_ai.registry.v1 import registry_pb2 as pb
from tests.backend.running import Api
from tests.pki.members import Members, node_id
from tests.ports import free_port
from tests.registry.test_over_grpc import Stub, refused, served
from tests.waiting import until

LAN = "127.0.0.2"


@dataclass
class Lan:
    members: Members
    address: str

    @contextlib.contextmanager
    def stub(self, store: Store | None, token: str = "", *, authority: Path | None = None) -> Iterator[Stub]:
        """A client with the certificate of ``store``."""
        trusted = (authority or self.members.folder / "head" / "ca.crt").read_bytes()
        pair = (store.key.read_bytes(), store.certificate.read_bytes()) if store else (None, None)
        credentials = grpc.ssl_channel_credentials(trusted, *pair)
        options = (("grpc.ssl_target_name_override", HEAD_HOST),)
        with grpc.secure_channel(self.address, credentials, options) as channel:
            yield Stub(channel, token)


@pytest.fixture(scope="module")
def lan(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lan]:
    members, port = Members(tmp_path_factory.mktemp("lan"), time.time()), free_port()
    members.head()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grpc_server, "LOOK_SECONDS", 0.05)
        with served(api, Place(port, LAN, members.folder / "head")):
            yield Lan(members, f"{LAN}:{port}")


def own(number: int, **more: object) -> pb.RegisterRequest:
    return pb.RegisterRequest(name="m", kind="machine", node_id=node_id(number), **more)


def test_a_machine_registers_itself_and_nobody_else(lan: Lan) -> None:
    first, second = lan.members.node(1)[0], lan.members.node(2)[0]
    with lan.stub(first) as one, lan.stub(second) as two:
        made = one.Register(own(1))
        assert made.owner == f"node:{node_id(1)}"
        assert one.Renew(pb.RenewRequest(id=made.id)).state == pb.STATE_HEALTHY
        assert two.Get(pb.InstanceId(id=made.id)).id == made.id
        for forged in (
            lambda: two.Renew(pb.RenewRequest(id=made.id)),
            lambda: two.Deregister(pb.InstanceId(id=made.id)),
            lambda: two.Register(own(1)),
            lambda: two.Register(pb.RegisterRequest(name="m")),
        ):
            with pytest.raises(grpc.RpcError) as error:
                forged()
            assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_persons_token_counts_before_the_machines_certificate(api: Api, lan: Lan) -> None:
    with lan.stub(lan.members.node(3)[0], api.token_here) as stub:
        assert stub.Register(pb.RegisterRequest(name="anything")).owner == "local"


@pytest.mark.parametrize("who", ["nobody", "a member of another cluster"])
def test_who_is_no_member_gets_no_connection(api: Api, lan: Lan, tmp_path: Path, who: str) -> None:
    store = None if who == "nobody" else Members(tmp_path, time.time()).node(4)[0]
    with lan.stub(store, api.token_here) as stub, pytest.raises(grpc.RpcError) as error:
        stub.List(pb.Query(), timeout=5)
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE


def test_plain_text_gets_no_answer(api: Api, lan: Lan) -> None:
    with grpc.insecure_channel(lan.address) as channel, pytest.raises(grpc.RpcError) as error:
        Stub(channel, api.token_here).List(pb.Query(), timeout=5)
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_revoked_machine_is_refused_on_its_open_connection_too(lan: Lan) -> None:
    store, signed = lan.members.node(5)
    with lan.stub(store) as stub:
        made = stub.Register(own(5))
        lan.members.revoke(signed.serial)
        Store(lan.members.folder / "head").put_revoked(lan.members.list())

        def is_refused() -> bool:
            try:
                stub.Renew(pb.RenewRequest(id=made.id))
            except grpc.RpcError as exc:
                return exc.details().startswith("certificate_refused")
            return False

        until(is_refused, what="it is refused")
        with pytest.raises(grpc.RpcError) as error:
            next(stub.Watch(pb.WatchRequest()))
    assert refused(error) == (grpc.StatusCode.PERMISSION_DENIED, "certificate_refused")


def test_a_renewed_certificate_is_shown_to_the_next_connection(lan: Lan) -> None:
    folder = lan.members.folder / "head"
    before = Store(folder).certificate.read_text()
    lan.members.head(days=30)
    assert Store(folder).certificate.read_text() != before
    with lan.stub(lan.members.node(6)[0]) as stub:
        assert stub.Register(own(6)).id


def test_without_a_certificate_it_does_not_start(api: Api, tmp_path: Path) -> None:
    with pytest.raises(NoCertificate), served(api, Place(free_port(), LAN, tmp_path)):
        pass
    assert grpc_served
