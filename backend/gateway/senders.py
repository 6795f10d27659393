"""Who sends a call, and what their headers ask of its routing."""

from collections.abc import Mapping
from typing import Any, Final

import structlog

from backend.gateway.answers import Asked
from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.trace_context import child_context, passed_state
from cluster_ai.gateway.dialects.call import Call, Sender, read_call
from cluster_ai.gateway.dialects.open_webui import CHAT_ID, TASK, USER_ID, USER_JWT, Hint, placed, who
from cluster_ai.gateway.dialects.paths import Path
from cluster_ai.gateway.types import GatewaySettings
from cluster_ai.keys.types import Caller

log = structlog.get_logger(__name__)

_STATE: Final = b"tracestate"
_PINS: Final = b"x-cluster-node"
_SECONDS: Final = b"x-request-timeout"
_HINTS: Final = frozenset(name.encode() for name in (TASK, CHAT_ID, USER_ID, USER_JWT))
_LONGEST_SECONDS: Final = 86_400.0


def call_of(asked: Asked, path: Path, body: bytes, *, caller: Caller, settings: GatewaySettings) -> Call:
    """The call that a request makes.

    Raises:
        InvalidInput: its body is none, or a header of ours cannot be read.
    """

    def sender_of(stream: bool, fields: Mapping[str, Any]) -> Sender:  # noqa: FBT001 - as it is asked
        return _sender(asked, caller, _hint(asked, settings, stream=stream, fields=fields))

    return read_call(path, body, sender_of)


def _sender(asked: Asked, caller: Caller, hint: Hint) -> Sender:
    traceparent = asked.header(b"traceparent")
    return Sender(
        caller=caller,
        priority=placed(caller.priority, hint),
        affinity=hint.affinity,
        fair=f"{caller.key_id}/{hint.user}" if hint.user else caller.key_id,
        pins=_pins(asked.header(_PINS)),
        seconds=_seconds(asked.header(_SECONDS)),
        request_id=asked.request_id,
        headers=_to_node(asked, traceparent),
        traceparent=traceparent,
    )


def _hint(asked: Asked, settings: GatewaySettings, *, stream: bool, fields: Mapping[str, Any]) -> Hint:
    headers = asked.headers
    told = {name.decode(): headers[name].decode("latin-1") for name in _HINTS & headers.keys()}
    secret = settings.open_webui_secret.get_secret_value() if settings.open_webui_secret else ""
    hint = who(told, stream=stream, fields=fields, secret=secret, trusted=settings.trust_user_headers)
    if hint.doubt:
        log.warning("a signed user is not believed", reason=hint.doubt, request_id=asked.request_id)
    return hint


def _pins(written: str) -> frozenset[str]:
    return frozenset(filter(None, map(str.strip, written.split(",")))) if written else frozenset()


def _to_node(asked: Asked, traceparent: str) -> dict[str, str]:
    """Nothing of the client's own but what says how to answer: its credentials stay here."""
    sent = {
        "Content-Type": "application/json",
        "Accept": asked.header(b"accept") or "*/*",
        "X-Request-Id": asked.request_id,
    }
    if traceparent and (following := child_context(traceparent)):
        sent["traceparent"] = following
        if state := passed_state(value.decode("latin-1") for name, value in asked.scope["headers"] if name == _STATE):
            sent["tracestate"] = state
    return sent


def _seconds(written: str) -> float | None:
    if not written:
        return None
    try:
        seconds = float(written)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise InvalidInput("X-Request-Timeout must be a number of seconds", path="X-Request-Timeout")
    return seconds
