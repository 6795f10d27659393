"""The two wire dialects: which paths carry inference, how each says an error, and how an answer ends. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import dump_json, parse_json, parse_object

TAIL_BYTES: Final = 8 * 1024
"""As much of the end of an answer is kept, and more when its final record needs it."""
LONGEST_RECORD: Final = 1024 * 1024
"""Ollama's final record of ``/api/generate`` carries the whole context as numbers."""
_LONGEST_NAME: Final = 300

_COUNTS: Final = {
    "prompt": re.compile(rb'"(?:prompt_eval_count|prompt_tokens)"\s*:\s*(\d{1,15})'),
    "output": re.compile(rb'"(?:eval_count|completion_tokens)"\s*:\s*(\d{1,15})'),
    "nanoseconds": re.compile(rb'"eval_duration"\s*:\s*(\d{1,18})'),
}


class Dialect(StrEnum):
    OLLAMA = "ollama"
    OPENAI = "openai"


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


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it is routed. The body goes on as it came."""

    path: Path
    model: str
    stream: bool
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Usage:
    """What the end of an answer says about it; zeros when it says nothing."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    tokens_per_second: float | None = None


def dialect_of(path: str) -> Dialect:
    return Dialect.OPENAI if path.startswith("/v1/") else Dialect.OLLAMA


def read_call(path: Path, body: bytes, headers: Mapping[str, str]) -> Call:
    """The request in ``body``, parsed once, for what routing needs to know.

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
    return Call(path, model, _streams(path, fields), body, headers)


def error_body(dialect: Dialect, status: int, message: str, *, code: str, param: str | None = None) -> bytes:
    """A whole error answer."""
    if dialect is Dialect.OLLAMA:
        return dump_json({"error": message, "code": code})
    kind = "invalid_request_error" if status < 500 else "server_error"  # noqa: PLR2004
    return dump_json({"error": {"message": message, "type": kind, "param": param, "code": code}})


def broken_stream(dialect: Dialect, message: str, *, after: bytes) -> bytes:
    """The record by which a stream that cannot go on says so; nothing that marks a good end may follow it.

    ``after``: what the client got last. A record cut in its middle is closed first; an empty line is never added, for
    clients read each line as a record.
    """
    said = error_body(dialect, 502, message, code="upstream_lost")
    start, end = (b"", b"\n") if dialect is Dialect.OLLAMA else (b"data: ", b"\n\n")
    return (b"" if after.endswith(end) else end) + start + said + end


def keep_tail(tail: bytes, chunk: bytes) -> bytes:
    """The end of what came so far: the whole last record, and whatever else fits ``TAIL_BYTES``."""
    joined = tail + chunk
    if len(joined) <= TAIL_BYTES:
        return joined
    record = joined.rfind(b"\n", 0, len(joined) - 1) + 1
    return joined[max(min(record, len(joined) - TAIL_BYTES), len(joined) - LONGEST_RECORD) :]


def is_complete(call: Call, tail: bytes) -> bool:
    """Whether a stream's last record says that it is the last; one that only stops is broken."""
    last = tail.rstrip().rpartition(b"\n")[2]
    if call.path.dialect is Dialect.OPENAI:
        return last.startswith(b"data:") and last.removeprefix(b"data:").strip() == b"[DONE]"
    return _record(last).get("done") is True


def tells_error(tail: bytes) -> bool:
    """Whether the node itself says, in its last record, that it cannot go on."""
    last = tail.rstrip().rpartition(b"\n")[2]
    return "error" in _record(last.removeprefix(b"data:"))


def is_whole(body: bytes) -> bool:
    """Whether a body that nothing else delimits is all there."""
    try:
        parse_json(body)
    except InvalidInput:
        return False
    return True


def _record(line: bytes) -> Mapping[str, Any]:
    try:
        return parse_object(line)
    except InvalidInput:
        return {}


def usage(tail: bytes) -> Usage:
    """Token counts from the end of an answer."""
    found = {name: _last(pattern, tail) for name, pattern in _COUNTS.items()}
    seconds = found["nanoseconds"] / 1e9
    return Usage(found["prompt"], found["output"], found["output"] / seconds if seconds > 0 else None)


def _streams(path: Path, fields: Mapping[str, Any]) -> bool:
    if path.streams is None:
        return False
    wanted = fields.get("stream")
    if wanted is None:
        return path.streams
    if not isinstance(wanted, bool):
        raise InvalidInput("stream must be true or false", path="stream")
    return wanted


def _last(pattern: re.Pattern[bytes], tail: bytes) -> int:
    found = pattern.findall(tail)
    return int(found[-1]) if found else 0
