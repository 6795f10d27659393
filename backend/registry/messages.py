"""The registry's words as protobuf messages, and back. Pure.

What comes in is made into the same strict models that JSON is: the same caps, the same refusals.
"""

from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from pydantic import BaseModel, ValidationError

from cluster_ai.core.errors import InvalidInput
from cluster_ai.registry import types
from cluster_ai.registry.v1 import registry_pb2 as pb

M = TypeVar("M", bound=BaseModel)

STATES: Final = {
    types.State.HEALTHY: pb.STATE_HEALTHY,
    types.State.DEGRADED: pb.STATE_DEGRADED,
    types.State.UNREACHABLE: pb.STATE_UNREACHABLE,
}
WHATS: Final = {
    types.What.RESET: pb.WHAT_RESET,
    types.What.READY: pb.WHAT_READY,
    types.What.ADDED: pb.WHAT_ADDED,
    types.What.CHANGED: pb.WHAT_CHANGED,
    types.What.REMOVED: pb.WHAT_REMOVED,
}
WORKLOADS: Final = {
    types.Workload.INFERENCE: pb.WORKLOAD_INFERENCE,
    types.Workload.TRAINING: pb.WORKLOAD_TRAINING,
    types.Workload.MEMORY: pb.WORKLOAD_MEMORY,
    types.Workload.AGENTS: pb.WORKLOAD_AGENTS,
}
_WORKLOAD_OF: Final = {number: workload for workload, number in WORKLOADS.items()}
_STATE_OF: Final = {number: state for state, number in STATES.items()}
_FIGURES: Final = ("load", "success", "p95_seconds", "vram", "memory")


def registration(message: pb.RegisterRequest) -> types.Registration:
    said = _plain(message, "id", "kind", "name", "node_id", "url", "address", "port", "version")
    said |= {"capabilities": frozenset(message.capabilities), "labels": frozenset(message.labels)}
    said["metadata"] = dict(message.metadata)
    if message.HasField("lease_seconds"):
        said["lease_seconds"] = message.lease_seconds
    if message.HasField("telemetry"):
        said["telemetry"] = _figures(message.telemetry)
    return _checked(types.Registration, said)


def renewal(message: pb.RenewRequest) -> types.Renewal:
    said: dict[str, Any] = {"well": not message.unwell}
    if message.HasField("telemetry"):
        said["telemetry"] = _figures(message.telemetry)
    if message.HasField("version"):
        said["version"] = message.version
    for name in ("capabilities", "labels"):
        if message.HasField(name):
            said[name] = frozenset(getattr(message, name).items)
    if message.HasField("metadata"):
        said["metadata"] = dict(message.metadata.items)
    return _checked(types.Renewal, said)


def query(message: pb.Query) -> types.Query:
    said = _plain(message, "kind", "text", "node_id", "near", "top")
    said |= {"capabilities": frozenset(message.capabilities), "labels": frozenset(message.labels)}
    said["states"] = frozenset(_STATE_OF.get(number, "unspecified") for number in message.states)
    if message.workload:
        said["workload"] = _WORKLOAD_OF.get(message.workload, "unspecified")
    return _checked(types.Query, said)


def instance(found: types.Instance) -> pb.Instance:
    return pb.Instance(
        id=found.id,
        kind=found.kind,
        name=found.name,
        owner=found.owner,
        node_id=found.node_id,
        url=found.url,
        address=found.address,
        port=found.port,
        version=found.version,
        capabilities=sorted(found.capabilities),
        labels=sorted(found.labels),
        metadata=found.metadata,
        state=STATES[found.state],
        lease_seconds=found.lease_seconds,
        registered_at=found.registered_at,
        seen_at=found.seen_at,
        telemetry=pb.Telemetry(**found.telemetry.model_dump(exclude_none=True)),
    )


def instances(found: tuple[types.Instance, ...]) -> pb.Instances:
    return pb.Instances(items=map(instance, found))


def ranked(found: tuple[types.Ranked, ...]) -> pb.Found:
    return pb.Found(
        items=(pb.Ranked(instance=instance(row.instance), score=pb.Score(**row.score.model_dump())) for row in found)
    )


def renewed(answer: types.Renewed) -> pb.RenewReply:
    return pb.RenewReply(id=answer.id, state=STATES[answer.state], lease_seconds=answer.lease_seconds)


def change(told: types.Change) -> bytes:
    """As the only one of its batch, on the wire: batches that follow each other are one."""
    about = None if told.instance is None else instance(told.instance)
    row = pb.Change(number=told.number, cursor=told.cursor, what=WHATS[told.what], instance=about)
    wire: bytes = pb.Changes(items=[row]).SerializeToString()
    return wire


def _plain(message: Message, *names: str) -> dict[str, Any]:
    """Fields that are given: an empty one is none."""
    return {name: value for name in names if (value := getattr(message, name))}


def _figures(message: pb.Telemetry) -> dict[str, float]:
    return {name: getattr(message, name) for name in _FIGURES if message.HasField(name)}


def _checked(kind: type[M], said: dict[str, Any]) -> M:
    try:
        return kind.model_validate(said)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:80] for part in first["loc"])
        raise InvalidInput(f"{where or 'the request'}: {first['msg'][:300]}", path=where) from exc
