"""The registry's gRPC verbs: each with the line of the policy that it shares with its REST route."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from backend.caller import Caller
from backend.deeds import recorded
from backend.plane import Plane
from backend.policy import API, Rule
from backend.registry import messages
from backend.registry.callers import check_place, claim_of
from backend.routed import required_rule
from cluster_ai.registry.v1 import registry_pb2 as pb

Act = Callable[[Plane, Caller, Any], Awaitable[Message]]
_ROOT: Final = f"{API}/registry"


@dataclass(frozen=True, slots=True)
class Verb:
    """One call that is answered once."""

    rule: Rule
    request: type[Message]
    act: Act


async def _register(plane: Plane, caller: Caller, request: pb.RegisterRequest) -> pb.Instance:
    wanted = messages.registration(request)
    check_place(caller, wanted.node_id)
    async with recorded(plane, caller, action="register_instance", subject=wanted.id or wanted.name):
        return messages.instance(plane.registry.register(wanted, claim_of(caller)))


async def _renew(plane: Plane, caller: Caller, request: pb.RenewRequest) -> pb.RenewReply:
    return messages.renewed(plane.registry.renew(request.id, messages.renewal(request), claim_of(caller)))


async def _deregister(plane: Plane, caller: Caller, request: pb.InstanceId) -> pb.Instance:
    async with recorded(plane, caller, action="end_instance", subject=request.id[:128]):
        return messages.instance(plane.registry.deregister(request.id, claim_of(caller)))


async def _get(plane: Plane, _caller: Caller, request: pb.InstanceId) -> pb.Instance:
    return messages.instance(plane.registry.get(request.id))


async def _list(plane: Plane, _caller: Caller, request: pb.Query) -> pb.Instances:
    return messages.instances(plane.registry.list(messages.query(request)))


async def _discover(plane: Plane, _caller: Caller, request: pb.Query) -> pb.Found:
    return messages.ranked(plane.registry.discover(messages.query(request)))


async def _mark(plane: Plane, _caller: Caller, request: pb.MarkRequest) -> pb.Marked:
    plane.registry.evidence(request.id, request.ok)
    return pb.Marked()


def _rule(method: str, path: str) -> Rule:
    return required_rule(method, f"{_ROOT}{path}")


_ONE: Final = "/instances/{instance}"
VERBS: Final[Mapping[str, Verb]] = {
    "Register": Verb(_rule("POST", "/instances"), pb.RegisterRequest, _register),
    "Renew": Verb(_rule("PUT", f"{_ONE}/heartbeat"), pb.RenewRequest, _renew),
    "Deregister": Verb(_rule("DELETE", _ONE), pb.InstanceId, _deregister),
    "Get": Verb(_rule("GET", _ONE), pb.InstanceId, _get),
    "List": Verb(_rule("GET", "/instances"), pb.Query, _list),
    "Discover": Verb(_rule("POST", "/discover"), pb.Query, _discover),
    "Mark": Verb(_rule("POST", f"{_ONE}/marks"), pb.MarkRequest, _mark),
}
WATCH: Final = _rule("GET", "/watch")
WATCH_REQUEST: Final = pb.WatchRequest
