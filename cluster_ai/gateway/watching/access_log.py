"""One line for each call that is over: who asked what, where it went, how long it took. Never a prompt, never a key.

The lines have the shape of every other line of the log. Many are written at once, past structlog, whose layers cost
more than the rest of a call's bookkeeping; a person at a terminal gets them through it, in colour.
"""

import json
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson
import structlog

from cluster_ai.gateway.served import Outcome, Served

log = structlog.get_logger(__name__)
_SERVER_ERROR = 500

Write = Callable[[Sequence[Served]], None]


def access_log(stream: BinaryIO | None = None) -> Write:
    """Writes a line for each call it is given, to ``stream``; to stderr when there is none."""
    if stream is None and sys.stderr.isatty():
        return _write_for_people

    def write(calls: Sequence[Served]) -> None:
        if not logging.getLogger().isEnabledFor(logging.INFO):
            return
        target = sys.stderr.buffer if stream is None else stream
        target.write(b"".join(map(_packed, calls)))
        target.flush()

    return write


def fields(call: Served) -> dict[str, Any]:
    """What a line tells of a call. Times in seconds, rounded to what a person can use."""
    found = {
        "request_id": call.request_id,
        "key_id": call.key_id,
        "caller": call.caller,
        "priority": call.priority.name.lower(),
        "path": call.path,
        "model": call.model,
        "stream": call.stream,
        "outcome": call.outcome.value,
        "status": call.status,
        "code": call.code,
        "node": call.node,
        "why": call.why,
        "attempts": call.attempts,
        "tried": call.tried,
        "resumed": call.resumed,
        "queue": round(call.queue_seconds, 4),
        "load": round(call.load_seconds, 3),
        "ttft": None if call.ttft_seconds is None else round(call.ttft_seconds, 4),
        "total": round(call.total_seconds, 4),
        "prompt_tokens": call.prompt_tokens,
        "output_tokens": call.output_tokens,
        "traceparent": call.passed_context or call.traceparent,
    }
    # What is not there is not told: most calls have no key, no error and no second attempt. Nought is something.
    return {name: value for name, value in found.items() if value or value == 0}


def _packed(call: Served) -> bytes:
    line = _line(call)
    try:
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Half of a surrogate pair: the slow way escapes it.
        return json.dumps(line).encode() + b"\n"


def _line(call: Served) -> dict[str, Any]:
    ended = datetime.fromtimestamp(call.at + call.total_seconds, UTC)
    head = {"event": "call", "level": _level(call), "timestamp": ended.isoformat().replace("+00:00", "Z")}
    return head | {"component": "gateway"} | fields(call)


def _level(call: Served) -> str:
    bad = call.outcome is Outcome.BROKEN or call.status >= _SERVER_ERROR
    return "warning" if bad else "info"


def _write_for_people(calls: Sequence[Served]) -> None:
    for call in calls:
        (log.warning if _level(call) == "warning" else log.info)("call", **fields(call))
