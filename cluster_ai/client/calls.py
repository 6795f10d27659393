"""Every operation of the management API as a value: method, path, body, and how its answer is read. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from cluster_ai.compute.types import ComputeView, WorkerView
from cluster_ai.core.wire import Count, View
from cluster_ai.election.types import TermView
from cluster_ai.views import ClusterModelView, NodeView, OverviewView, ReadyView, SystemView

API: Final = "/api/v1"
ANSWER_SECONDS: Final = 10.0
STREAM_SECONDS: Final = 300.0
"""Longest silence of a streamed answer: a cold model on a slow disk needs minutes for its first byte."""

PULL_SECONDS: Final = 1900.0
"""The same of a pull: a node checks for minutes what it has fetched, and the server loses patience first."""

T = TypeVar("T")
Term = TermView
"""Which head leads."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. ``read`` turns the body of a 2xx answer into a value."""

    method: str
    path: str
    read: Callable[[bytes], T]
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = ANSWER_SECONDS
    errors_are_answers: bool = False
    """``/ready`` answers 503 with the same body that it has with 200."""


class Listing(View, Generic[T]):
    """A list as the API wraps it."""

    items: tuple[T, ...] = ()


class PullStep(View):
    """One line of a pull's progress. ``completed`` and ``total`` in bytes, zero where the step has none."""

    status: str = ""
    digest: str = ""
    total: Count = 0
    completed: Count = 0
    node: str = ""


class Removed(View):
    """Where a model was removed."""

    nodes: tuple[str, ...] = ()


class ServedBy(View):
    """Which node gave an answer, and why that one; from the gateway's response headers."""

    node: str = ""
    why: str = ""
    attempts: Count = 1
    request_id: str = ""


class User(View):
    id: str
    name: str
    role: str


class Me(View):
    """Who the caller is."""

    user: User


def nothing(_body: bytes) -> None:
    """For answers whose status says it all."""


def _list(of: type[T]) -> Callable[[bytes], tuple[T, ...]]:
    listing = Listing[of]  # type: ignore[valid-type]
    return lambda body: listing.model_validate_json(body).items


def overview() -> Call[OverviewView]:
    return Call("GET", f"{API}/overview", OverviewView.model_validate_json)


def nodes() -> Call[tuple[NodeView, ...]]:
    return Call("GET", f"{API}/nodes", _list(NodeView))


def node(name: str) -> Call[NodeView]:
    return Call("GET", f"{API}/nodes/{segment(name)}", NodeView.model_validate_json)


def models() -> Call[tuple[ClusterModelView, ...]]:
    return Call("GET", f"{API}/models", _list(ClusterModelView))


def workers() -> Call[tuple[WorkerView, ...]]:
    return Call("GET", f"{API}/workers", _list(WorkerView))


def compute() -> Call[ComputeView]:
    return Call("GET", f"{API}/compute", ComputeView.model_validate_json)


def system() -> Call[SystemView]:
    return Call("GET", f"{API}/system", SystemView.model_validate_json)


def ready() -> Call[ReadyView]:
    return Call("GET", "/ready", ReadyView.model_validate_json, errors_are_answers=True)


def metrics() -> Call[str]:
    """What a process measures, in Prometheus' text format."""
    return Call("GET", "/metrics", lambda body: body.decode("utf-8", "replace"))


def leader() -> Call[Term]:
    return Call("GET", f"{API}/cluster", Term.model_validate_json)


def me() -> Call[Me]:
    return Call("GET", f"{API}/auth/me", Me.model_validate_json)


def restart_part(name: str) -> Call[None]:
    return Call("POST", f"{API}/system/parts/{segment(name)}/restart", nothing, body={}, seconds=60.0)


def add_workers(count: int) -> Call[None]:
    return Call("POST", f"{API}/workers", nothing, body={"count": count}, seconds=30.0)


def set_password(current: str, new: str) -> Call[None]:
    return Call("POST", f"{API}/auth/password", nothing, body={"current": current, "new": new}, seconds=30.0)


def pull(model: str, nodes: Sequence[str]) -> Call[PullStep]:
    """``nodes``: names or labels, or ``all`` alone; none leaves it to the cluster."""
    body = {"nodes": list(nodes)} if nodes else {}
    read = PullStep.model_validate_json
    return Call("POST", f"{API}/models/{segment(model)}/pull", read, body=body, seconds=PULL_SECONDS)


def delete_model(model: str, nodes: Sequence[str]) -> Call[tuple[str, ...]]:
    """Reads where it was removed. ``nodes`` as in ``pull``; none means every node that has the model."""
    query = {"node": list(nodes)} if nodes else {}
    read = lambda body: Removed.model_validate_json(body).nodes  # noqa: E731
    return Call("DELETE", f"{API}/models/{segment(model)}", read, query=query, seconds=75.0)


def chat(body: Mapping[str, Any]) -> Call[ServedBy]:
    """``body`` is that of Ollama's ``/api/chat``. The lines are Ollama's too."""
    return Call("POST", f"{API}/chat", ServedBy.model_validate_json, body=body, seconds=STREAM_SECONDS)


def served_by(headers: Mapping[str, str]) -> ServedBy:
    """What the gateway says of an answer's origin."""
    attempts = headers.get("x-cluster-attempts", "")
    return ServedBy(
        node=headers.get("x-cluster-node", ""),
        why=headers.get("x-cluster-why", ""),
        attempts=int(attempts) if attempts.isdecimal() else 1,
        request_id=headers.get("x-request-id", ""),
    )


def segment(name: str) -> str:
    """``name`` as one segment of a path; a model's slash is escaped too, and a lone dot cannot climb."""
    escaped = quote(name, safe=":@")
    return escaped.replace(".", "%2E") if set(name) == {"."} else escaped
