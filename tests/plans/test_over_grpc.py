"""Tickets over gRPC: the same tickets, rules and refusals as over HTTP."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import grpc
import pytest

from backend.registry.grpc_server import Place, grpc_served
from backend.registry.tickets import SERVICE, VERBS
from cluster_ai.core.principals import Role
from cluster_ai.plans.v1 import tickets_pb2 as pb
from tests.backend.running import Api, running_api
from tests.plans.test_over_the_api import add_user, leased, of, submitted
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PROTO = "cluster_ai/plans/v1/tickets.proto"
MADE = ("cluster_ai/plans/v1/tickets_pb2.py", "cluster_ai/plans/v1/tickets_pb2.pyi")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("grpc") / "home") as api:
        for name, role in (("ana", Role.USER), ("bob", Role.USER), ("vi", Role.VIEWER)):
            api.served.run(add_user(api, name, role))
        yield api


@pytest.fixture(scope="module")
def port(api: Api) -> Iterator[int]:
    port = free_port()
    door = grpc_served(api.plane, Place(port))
    api.served.run(door.__aenter__())
    yield port
    api.served.run(door.__aexit__(None, None, None))


class Stub:
    """The verbs, as a client in any language has them."""

    def __init__(self, port: int, token: str = "") -> None:
        self.metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.channel.close()

    def __call__(self, name: str, request: Any) -> Any:
        method = pb.DESCRIPTOR.services_by_name["Tickets"].methods_by_name[name]
        call = self.channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=getattr(pb, method.output_type.name).FromString,
        )
        return call(request, metadata=self.metadata, timeout=10)


def refused(stub: Stub, name: str, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        stub(name, request)
    return error.value.code(), error.value.details().partition(":")[0]


def test_the_messages_are_made_from_the_protocol(tmp_path: Path) -> None:
    where = [f"-I{ROOT / 'proto'}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *where, PROTO], check=True, cwd=ROOT)
    for name in MADE:
        assert (ROOT / name).read_text() == (tmp_path / name).read_text(), "run scripts/protocol.sh"
    service = pb.DESCRIPTOR.services_by_name["Tickets"]
    assert service.full_name == SERVICE
    assert {method.name for method in service.methods} == set(VERBS)


def test_tickets_are_read_listed_and_steered(api: Api, port: int) -> None:
    with of(api, "ana") as client:
        plan = submitted(client, "a", "b", "c")
    ticket_id, plan_id = plan["ticket_ids"]["a"], plan["plan"]["plan_id"]
    with Stub(port, api.token(username="ana")) as ana:
        found = ana("Get", pb.TicketId(id=ticket_id))
        assert (found.task_id, found.status, found.owner, found.sla_max_retries) == ("a", "ready", "ana", 3)
        assert found.parameters_json == '{"argv":["/bin/true"]}'
        assert not found.HasField("started_at")
        page = ana("List", pb.ListRequest(plan_id=plan_id, limit=2))
        assert ([ticket.task_id for ticket in page.items], page.next) == (["a", "b"], "1")
        rest = ana("List", pb.ListRequest(plan_id=plan_id, cursor=page.next))
        assert ([ticket.task_id for ticket in rest.items], rest.next) == (["c"], "")
        held = ana("UpdateStatus", pb.UpdateStatusRequest(id=ticket_id, status="frozen", revision=found.revision))
        assert held.status == "frozen"
        late = pb.UpdateStatusRequest(id=ticket_id, status="ready", revision=found.revision)
        assert refused(ana, "UpdateStatus", late) == (grpc.StatusCode.ABORTED, "changed_meanwhile")
        again = pb.UpdateStatusRequest(id=ticket_id, status="frozen")
        assert refused(ana, "UpdateStatus", again) == (grpc.StatusCode.FAILED_PRECONDITION, "illegal_transition")
        wrong = pb.UpdateStatusRequest(id=ticket_id, status="asleep")
        assert refused(ana, "UpdateStatus", wrong) == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_input")
        assert refused(ana, "List", pb.ListRequest(limit=999))[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert refused(ana, "Get", pb.TicketId(id="\x00"))[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert ana("UpdateStatus", pb.UpdateStatusRequest(id=ticket_id, status="ready")).status == "ready"
        token = ana("GenerateToken", pb.TicketId(id=ticket_id))
        with api.client() as client:
            path = f"/api/v1/tickets/{ticket_id}"
            bearer = {"Authorization": f"Bearer {token.token}"}
            assert client.get(f"{path}/self", headers=bearer).json()["status"] == "ready"
            leased(api, ticket_id)
            assert client.post(f"{path}/start", headers=bearer).status_code == 403


def test_roles_and_owners_count_as_over_http(api: Api, port: int) -> None:
    with of(api, "ana") as client:
        ticket = pb.TicketId(id=submitted(client, "a")["ticket_ids"]["a"])
    with Stub(port) as nobody, Stub(port, api.token(username="bob")) as bob, Stub(port, api.token(username="vi")) as vi:
        assert refused(nobody, "Get", ticket)[0] is grpc.StatusCode.UNAUTHENTICATED
        assert refused(bob, "Get", ticket) == (grpc.StatusCode.NOT_FOUND, "no_such_ticket")
        assert refused(bob, "GenerateToken", ticket)[0] is grpc.StatusCode.NOT_FOUND
        assert refused(vi, "Get", ticket) == (grpc.StatusCode.PERMISSION_DENIED, "forbidden")
    with Stub(port, api.token_here) as admin:
        assert admin("Get", ticket).owner == "ana"
