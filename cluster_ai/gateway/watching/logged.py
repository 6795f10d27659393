"""Words of the request log: a call as it is remembered, and which of them are asked for. Pure."""

from dataclasses import dataclass
from operator import attrgetter

from cluster_ai.core.trace_context import read_context
from cluster_ai.core.wire import INT64_MAX, Count, View
from cluster_ai.gateway.served import Served
from cluster_ai.gateway.types import DecisionView

LONGEST = {
    "request_id": 64,
    "key_id": 64,
    "caller": 128,
    "model": 300,
    "answered_by": 300,
    "path": 64,
    "code": 64,
    "node": 128,
    "why": 256,
}
"""Characters that a column takes; the rest is cut off."""
_texts_of = attrgetter(*LONGEST)
_MOST_TRIED = 16
_LONGEST_REASON = 300


class RequestView(View):
    """One call that is over. Times in seconds; never what was asked or answered."""

    number: Count
    """Grows with each row: the cursor of pages."""
    request_id: str
    at: float
    """Unix seconds when it came in."""
    key_id: str = ""
    caller: str = ""
    model: str
    answered_by: str = ""
    path: str
    stream: bool
    priority: str
    outcome: str
    status: int
    code: str = ""
    node: str = ""
    why: str = ""
    attempts: Count = 0
    tried: dict[str, str]
    resumed: Count = 0
    queue_seconds: float = 0.0
    load_seconds: float = 0.0
    ttft_seconds: float | None = None
    total_seconds: float = 0.0
    prompt_tokens: Count = 0
    output_tokens: Count = 0
    trace_id: str = ""
    """32 hexadecimal digits; empty when the call belongs to no trace."""


class RequestPage(View):
    """Newest first. ``next`` is the ``before`` of the page that follows; None on the last."""

    items: tuple[RequestView, ...]
    next: int | None = None


class DecisionsView(View):
    """The last decisions of the gateway, newest first."""

    items: tuple[DecisionView, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls are asked for; an empty text asks for all. Those with a number below ``before``."""

    model: str = ""
    node: str = ""
    outcome: str = ""
    key: str = ""
    before: int = INT64_MAX
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows live, in seconds, and how many there may be."""

    seconds: float
    rows: int


def row_of(call: Served) -> dict[str, object]:
    """The call as a row; every text fits its column on every database."""
    traceparent = call.passed_context or call.traceparent
    context = read_context(traceparent) if traceparent else None
    texts = {name: _clean(text, most) for (name, most), text in zip(LONGEST.items(), _texts_of(call), strict=True)}
    tried = {
        _clean(node, LONGEST["node"]): _clean(reason, _LONGEST_REASON)
        for node, reason in list(call.tried.items())[:_MOST_TRIED]
    }
    return {
        **texts,
        "at": call.at,
        "stream": call.stream,
        "priority": call.priority.name.lower(),
        "outcome": call.outcome.value,
        "status": call.status,
        "attempts": call.attempts,
        "tried": tried,
        "resumed": call.resumed,
        "queue_seconds": call.queue_seconds,
        "load_seconds": call.load_seconds,
        "ttft_seconds": call.ttft_seconds,
        "total_seconds": call.total_seconds,
        "prompt_tokens": call.prompt_tokens,
        "output_tokens": call.output_tokens,
        "trace_id": f"{context.trace:032x}" if context else "",
    }


def _clean(text: str, longest: int) -> str:
    # PostgreSQL stores no NUL, and no driver half of a surrogate pair; what can be printed holds neither.
    if text.isprintable():
        return text[:longest]
    return text[:longest].replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
