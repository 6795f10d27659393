"""A request as it is routed: read once, at the door. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.values import value
from cluster_ai.core.wire import parse_object
from cluster_ai.gateway.dialects.paths import Path
from cluster_ai.gateway.dialects.prefix import Chain, chain_of
from cluster_ai.keys.types import ANONYMOUS, Caller, Priority

_LONGEST_NAME: Final = 300
_LIMITS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")


NOTHING_READ: Final = Chain()


@value
class Sender:
    """What is known of who sends a request, besides its body."""

    caller: Caller = ANONYMOUS
    priority: Priority | None = None
    """None: the caller's own."""
    affinity: str = ""
    """Calls with the same one belong to one conversation."""
    fair: str = ""
    """Calls with different ones share the queue evenly; the key when empty."""
    pins: frozenset[str] = frozenset()
    """Only nodes of these names or labels."""
    seconds: float | None = None
    """Longest that the client will wait for the whole answer."""
    request_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """To be sent to the node."""
    traceparent: str = ""


@value
class Call:
    """A request. ``fields`` is its parsed body and not to be changed; ``body`` is what came."""

    path: Path
    model: str
    stream: bool
    body: bytes
    fields: Mapping[str, Any]
    sender: Sender = Sender()
    chain: Chain = NOTHING_READ
    num_ctx: int | None = None
    most_tokens: int | None = None
    """As asked for; None when the model decides."""
    digest: str = ""
    """Only these weights will do; empty when the name is enough."""
    came_to: str = ""
    """The path that its client asked, where the node is asked another."""

    @property
    def priority(self) -> Priority:
        return self.sender.caller.priority if self.sender.priority is None else self.sender.priority

    def patience(self, most: float) -> float:
        """Seconds that it may wait for a place. Some are left of what its client allows, to tell it of the wait."""
        return most if self.sender.seconds is None else min(most, 0.9 * self.sender.seconds)

    @property
    def fair(self) -> str:
        return self.sender.fair or self.sender.caller.key_id

    @property
    def may_resume(self) -> bool:
        return self.sender.caller.resume


def read_call(path: Path, body: bytes, sender_of: Callable[[bool, Mapping[str, Any]], Sender] | None = None) -> Call:
    """The request in ``body``, parsed once.

    ``sender_of`` is asked who sends it, once it is known whether it streams and what its fields are.

    Raises:
        InvalidInput: it is not a request.
    """
    fields = parse_object(body)
    model = fields.get("model")
    if model is None and path.path == "/api/show":
        model = fields.get("name")
    if not isinstance(model, str) or not model:
        raise InvalidInput("model is required" if model is None else "model must be a text", path="model")
    if len(model) > _LONGEST_NAME:
        raise InvalidInput(f"model is longer than {_LONGEST_NAME} characters", path="model")
    stream = _streams(path, fields)
    options = fields.get("options")
    options = options if isinstance(options, dict) else {}
    return Call(
        path, model, stream, body, fields,
        sender=sender_of(stream, fields) if sender_of else Sender(),
        chain=chain_of(fields),
        num_ctx=_positive(options.get("num_ctx")),
        most_tokens=_positive(options.get("num_predict")) or _first(fields),
    )  # fmt: skip


def _first(fields: Mapping[str, Any]) -> int | None:
    return next((found for name in _LIMITS if (found := _positive(fields.get(name)))), None)


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _streams(path: Path, fields: Mapping[str, Any]) -> bool:
    if path.streams is None:
        return False
    wanted = fields.get("stream")
    if wanted is None:
        return path.streams
    if not isinstance(wanted, bool):
        raise InvalidInput("stream must be true or false", path="stream")
    return wanted
