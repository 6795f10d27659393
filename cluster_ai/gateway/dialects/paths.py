"""The wire dialects: which paths carry inference, how each says an error, and how an answer ends. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cluster_ai.core.wire import dump_json


class Dialect(StrEnum):
    OLLAMA = "ollama"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"


@dataclass(frozen=True, slots=True)
class Path:
    """A path that a node answers. ``streams``: whether it does unless it is told otherwise; None: it never does."""

    path: str
    dialect: Dialect
    streams: bool | None


RELAYED: Final = {
    row.path: row
    for row in (
        Path("/api/chat", Dialect.OLLAMA, streams=True),
        Path("/api/generate", Dialect.OLLAMA, streams=True),
        Path("/api/embed", Dialect.OLLAMA, streams=None),
        Path("/api/embeddings", Dialect.OLLAMA, streams=None),
        Path("/api/show", Dialect.OLLAMA, streams=None),
        Path("/v1/chat/completions", Dialect.OPENAI, streams=False),
        Path("/v1/completions", Dialect.OPENAI, streams=False),
        Path("/v1/embeddings", Dialect.OPENAI, streams=None),
    )
}
MESSAGES: Final = Path("/v1/messages", Dialect.ANTHROPIC, streams=False)
COUNT_TOKENS: Final = Path("/v1/messages/count_tokens", Dialect.ANTHROPIC, streams=None)
RESPONSES: Final = Path("/v1/responses", Dialect.OPENAI, streams=False)
"""These three only some nodes know: `responses.speaks` tells which."""
LAST_EVENTS: Final = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed"})
"""What ends a good stream of ``/v1/messages`` and of ``/v1/responses``, which know no ``[DONE]``."""
_ANTHROPIC_KINDS: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


_FRAMES: Final = {
    Dialect.OLLAMA: (b"", b"\n"),
    Dialect.OPENAI: (b"data: ", b"\n\n"),
    Dialect.ANTHROPIC: (b"event: error\ndata: ", b"\n\n"),
}
"""What stands before and after a record of an error."""


def dialect_of(path: str) -> Dialect:
    if path == MESSAGES.path or path.startswith(MESSAGES.path + "/"):
        return Dialect.ANTHROPIC
    return Dialect.OPENAI if path.startswith("/v1/") else Dialect.OLLAMA


def error_body(dialect: Dialect, status: int, message: str, *, code: str) -> bytes:
    """A whole error answer."""
    return dump_json(error_fields(dialect, status, message, code=code))


def error_fields(dialect: Dialect, status: int, message: str, *, code: str) -> dict[str, Any]:
    """The same, not yet written; fields of ours may be added beside ``error``, which is as its clients know it."""
    if dialect is Dialect.OLLAMA:
        return {"error": message, "code": code}
    if dialect is Dialect.ANTHROPIC:
        usual = "invalid_request_error" if status < 500 else "api_error"  # noqa: PLR2004
        kind = _ANTHROPIC_KINDS.get(status, usual)
        return {"type": "error", "error": {"type": kind, "message": message, "code": code}}
    kind = "invalid_request_error" if status < 500 else "server_error"  # noqa: PLR2004
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def broken_stream(dialect: Dialect, message: str, *, after: bytes) -> bytes:
    """The record by which a stream that cannot go on says so; nothing that marks a good end may follow it.

    ``after``: what the client got last. A record cut in its middle is closed first; an empty line is never added, for
    clients read each line as a record.
    """
    said = error_body(dialect, 502, message, code="upstream_lost")
    start, end = _FRAMES[dialect]
    return (b"" if not after or after.endswith(end) else end) + start + said + end
