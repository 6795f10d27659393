"""The registry over gRPC: on loopback by token, in the LAN under mutual TLS."""

import contextlib
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from backend.registry import grpc_server
from backend.registry.grpc_server import Place, grpc_served
from cluster_ai.core.principals import Role
from cluster_ai.core.sockets import PortTaken
from cluster_ai.registry.v1 import registry_pb2 as pb
from tests.backend.running import Api
from tests.ports import free_port
from tests.registry.people import person
from tests.waiting import until

SERVICE = "cluster_ai.registry.v1.Registry"


class Stub:
    """The verbs, as a client in any language has them."""

    def __init__(self, channel: grpc.Channel, token: str = "") -> None:
        self.metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        method = pb.DESCRIPTOR.services_by_name["Registry"].methods_by_name[name]
        kinds = {
            message.full_name: getattr(pb, message.name) for message in pb.DESCRIPTOR.message_types_by_name.values()
        }
        make = self._channel.unary_stream if name == "Watch" else self._channel.unary_unary
        call = make(
            f"/{SERVICE}/{name}",
            request_serializer=kinds[method.input_type.full_name].SerializeToString,
            response_deserializer=kinds[method.output_type.full_name].FromString,
        )
        return lambda request, **more: call(request, metadata=self.metadata, **{"timeout": 10} | more)


@contextlib.contextmanager
def served(api: Api, place: Place) -> Iterator[None]:
    door = grpc_served(api.plane, place)
    api.served.run(door.__aenter__())
    try:
        yield
    finally:
        api.served.run(door.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def port(api: Api) -> Iterator[int]:
    port = free_port()
    with served(api, Place(port)):
        yield port


@pytest.fixture
def channel(port: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel


@pytest.fixture
def stub(api: Api, channel: grpc.Channel) -> Stub:
    return Stub(channel, api.token_here)


def refused(error: pytest.ExceptionInfo[grpc.RpcError]) -> tuple[grpc.StatusCode, str]:
    told = error.value
    assert dict(told.trailing_metadata())["cluster-ai-code"] == told.details().partition(":")[0]
    return told.code(), told.details().partition(":")[0]


def test_all_verbs(stub: Stub) -> None:
    made = stub.Register(pb.RegisterRequest(name="g", kind="grpc-all", capabilities=["b", "a"], metadata={"k": "v"}))
    assert made.state == pb.STATE_HEALTHY
    assert (list(made.capabilities), dict(made.metadata), made.lease_seconds) == (["a", "b"], {"k": "v"}, 5.0)
    reply = stub.Renew(pb.RenewRequest(id=made.id, telemetry=pb.Telemetry(load=0.5)))
    assert (reply.id, reply.state, reply.lease_seconds) == (made.id, pb.STATE_HEALTHY, 5.0)
    assert stub.Get(pb.InstanceId(id=made.id)).telemetry.load == 0.5
    assert [row.id for row in stub.List(pb.Query(kind="grpc-all")).items] == [made.id]
    assert stub.Mark(pb.MarkRequest(id=made.id, ok=True)) == pb.Marked()
    (found,) = stub.Discover(pb.Query(kind="grpc-all", capabilities=["a"])).items
    assert found.score.trail == pytest.approx(2 / 3, abs=1e-3)
    assert found.score.total == pytest.approx(0.4 + 0.3 * found.score.trail + 0.15)
    assert stub.Deregister(pb.InstanceId(id=made.id)).id == made.id
    with pytest.raises(grpc.RpcError) as gone:
        stub.Renew(pb.RenewRequest(id=made.id))
    assert refused(gone) == (grpc.StatusCode.NOT_FOUND, "unknown_instance")


def test_rest_and_grpc_see_the_same(api: Api, stub: Stub) -> None:
    made = stub.Register(pb.RegisterRequest(name="both", kind="both"))
    with api.local() as client:
        seen = client.get(f"/api/v1/registry/instances/{made.id}").json()
    assert (seen["name"], seen["owner"]) == ("both", made.owner)


def test_a_watch_tells_all_then_changes_and_resumes(stub: Stub) -> None:
    old = stub.Register(pb.RegisterRequest(name="old", kind="grpc-seen"))
    watch = stub.Watch(pb.WatchRequest(kind="grpc-seen"), timeout=20)
    rows = next(watch).items
    assert [row.what for row in rows] == [pb.WHAT_RESET, pb.WHAT_ADDED, pb.WHAT_READY]
    assert rows[1].instance.id == old.id
    stub.Register(pb.RegisterRequest(name="unseen", kind="other"))
    new = stub.Register(pb.RegisterRequest(name="new", kind="grpc-seen"))
    (added,) = next(watch).items
    assert (added.what, added.instance.id) == (pb.WHAT_ADDED, new.id)
    watch.cancel()
    stub.Deregister(pb.InstanceId(id=old.id))
    resumed = stub.Watch(pb.WatchRequest(kind="grpc-seen", after=added.cursor), timeout=20)
    (removed,) = next(resumed).items
    assert (removed.what, removed.instance.id) == (pb.WHAT_REMOVED, old.id)
    resumed.cancel()


def test_a_watcher_who_left_is_forgotten(api: Api, stub: Stub) -> None:
    until(lambda: api.plane.registry.feed.watchers == 0, what="those of the tests before are gone")
    watch = stub.Watch(pb.WatchRequest(), timeout=20)
    next(watch)
    assert api.plane.registry.feed.watchers == 1
    watch.cancel()
    until(lambda: api.plane.registry.feed.watchers == 0, what="the watcher is gone")


@pytest.mark.parametrize(("token", "code"), [("", "unauthenticated"), ("wrong", "unauthenticated")])
def test_strangers_are_told_to_sign_in(channel: grpc.Channel, token: str, code: str) -> None:
    for ask in (
        lambda stub: stub.List(pb.Query()),
        lambda stub: stub.Register(pb.RegisterRequest(name="x")),
        lambda stub: next(stub.Watch(pb.WatchRequest())),
    ):
        with pytest.raises(grpc.RpcError) as error:
            ask(Stub(channel, token))
        assert refused(error) == (grpc.StatusCode.UNAUTHENTICATED, code)


def test_the_policy_is_that_of_rest(api: Api, channel: grpc.Channel, stub: Stub) -> None:
    made = stub.Register(pb.RegisterRequest(name="p"))
    viewer = Stub(channel, person(api, "gus", Role.VIEWER)["Authorization"].removeprefix("Bearer "))
    operator = Stub(channel, person(api, "gil", Role.OPERATOR)["Authorization"].removeprefix("Bearer "))
    assert viewer.Get(pb.InstanceId(id=made.id)).id == made.id
    with pytest.raises(grpc.RpcError) as error:
        viewer.Register(pb.RegisterRequest(name="x"))
    assert refused(error) == (grpc.StatusCode.PERMISSION_DENIED, "forbidden")
    with pytest.raises(grpc.RpcError) as error:
        operator.Renew(pb.RenewRequest(id=made.id))
    assert refused(error) == (grpc.StatusCode.PERMISSION_DENIED, "not_your_instance")
    with pytest.raises(grpc.RpcError) as error:
        operator.Register(pb.RegisterRequest(name="x", id=made.id))
    assert refused(error) == (grpc.StatusCode.ALREADY_EXISTS, "instance_id_taken")


def test_wrong_requests_name_the_field(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stub.Register(pb.RegisterRequest(name="x", lease_seconds=0.1))
    assert refused(error) == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_input")
    assert "lease_seconds" in error.value.details()


def test_a_request_that_is_too_large_is_refused(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stub.Register(pb.RegisterRequest(name="x", version="v" * 2_000_000))
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_port_of_another_is_told(api: Api, port: int) -> None:
    with pytest.raises(PortTaken), served(api, Place(port)):
        pass
    assert grpc_server.OPTIONS[0] == ("grpc.so_reuseport", 0)
