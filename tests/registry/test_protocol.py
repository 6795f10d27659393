"""The messages that are checked in are those of the protocol, and its words are the registry's own."""

import subprocess
import sys
from pathlib import Path

import pytest

from backend.registry import messages
from backend.registry.answering import SERVICE
from backend.registry.verbs import VERBS
from cluster_ai.core.errors import InvalidInput
from cluster_ai.registry import types
from cluster_ai.registry.v1 import registry_pb2 as pb

ROOT = Path(__file__).parents[2]
PROTO = "cluster_ai/registry/v1/registry.proto"
MADE = ("cluster_ai/registry/v1/registry_pb2.py", "cluster_ai/registry/v1/registry_pb2.pyi")


def test_the_messages_are_made_from_the_protocol(tmp_path: Path) -> None:
    where = [f"-I{ROOT / 'proto'}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *where, PROTO], check=True, cwd=ROOT)
    for name in MADE:
        assert (ROOT / name).read_text() == (tmp_path / name).read_text(), "run scripts/protocol.sh"


def test_every_verb_of_the_protocol_is_answered() -> None:
    service = pb.DESCRIPTOR.services_by_name["Registry"]
    assert service.full_name == SERVICE
    assert {method.name for method in service.methods} == {*VERBS, "Watch"}
    for name, verb in VERBS.items():
        assert service.methods_by_name[name].input_type.full_name == verb.request.DESCRIPTOR.full_name


def test_states_and_whats_are_all_there() -> None:
    assert set(messages.STATES) == set(types.State)
    assert set(messages.WHATS) == set(types.What)
    assert len(pb.State.keys()) == len(types.State) + 1
    assert len(pb.What.keys()) == len(types.What) + 1


def test_a_registration_says_the_same_in_both_languages() -> None:
    message = pb.RegisterRequest(
        id="a", kind="engine", name="n", url="http://a:1", port=7, capabilities=["x"], labels=["l"], metadata={"k": "v"}
    )
    message.telemetry.load = 0.0
    message.lease_seconds = 9
    wanted = messages.registration(message)
    assert wanted == types.Registration(
        id="a",
        kind="engine",
        name="n",
        url="http://a:1",
        port=7,
        capabilities={"x"},
        labels={"l"},
        metadata={"k": "v"},
        lease_seconds=9.0,
        telemetry=types.Telemetry(load=0.0),
    )
    assert messages.registration(pb.RegisterRequest(name="n")) == types.Registration(name="n")


def test_what_a_renewal_does_not_say_stays() -> None:
    assert messages.renewal(pb.RenewRequest(id="a")) == types.Renewal()
    emptied = messages.renewal(pb.RenewRequest(id="a", unwell=True, labels=pb.Words(), metadata=pb.Metadata()))
    assert (emptied.well, emptied.labels, emptied.metadata, emptied.capabilities) == (False, frozenset(), {}, None)


@pytest.mark.parametrize(
    "wrong",
    [
        pb.RegisterRequest(),
        pb.RegisterRequest(name="n", kind="Bad Kind"),
        pb.RegisterRequest(name="n", port=70_000),
        pb.RegisterRequest(name="n", lease_seconds=float("nan")),
        pb.RegisterRequest(name="n", lease_seconds=0.0),
        pb.RegisterRequest(name="n", capabilities=["a b"]),
        pb.RegisterRequest(name="n", capabilities=[f"w{number}" for number in range(300)]),
        pb.RegisterRequest(name="n", metadata={"m": "x" * 2000}),
        pb.RegisterRequest(name="n", telemetry=pb.Telemetry(load=-1)),
        pb.RegisterRequest(name="n", url="no address"),
    ],
)
def test_wrong_messages_are_refused(wrong: pb.RegisterRequest) -> None:
    with pytest.raises(InvalidInput):
        messages.registration(wrong)


@pytest.mark.parametrize("wrong", [pb.Query(states=[pb.STATE_UNSPECIFIED]), pb.Query(states=[9]), pb.Query(top=5000)])
def test_wrong_questions_are_refused(wrong: pb.Query) -> None:
    with pytest.raises(InvalidInput):
        messages.query(wrong)
