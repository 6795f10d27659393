"""Answers of Ollama's chat as Anthropic's messages: events of a stream, or one message. Pure.

Source: https://docs.anthropic.com/en/api/messages-streaming. The whole message is put together from the same events, so
that both say the same.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from cluster_ai.gateway.dialects.aggregate_events import Record, WholeMessage, item, parsed_input, rows

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
"""Says that somebody is still there; clients pass over it."""

_REASONS: Final = {"length": "max_tokens"}
_BLANK: Final[dict[str, Record]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTA: Final = {"text": "text_delta", "thinking": "thinking_delta"}


@dataclass(slots=True)
class Events:
    """One answer, record by record. ``new_id`` names a tool call that the node gave no name."""

    message_id: str
    model: str
    """As the caller asked for it."""
    new_id: Callable[[], str]
    input_tokens: int = 0
    """As estimated: the node tells the count at the end only."""
    one_call: bool = False
    forced: str = ""
    """The tool whose input the words of the answer are."""
    index: int = 0
    open: str = ""
    """Kind of the block that is being written."""
    begun: bool = False
    calls: int = field(default=0)

    def add(self, record: Record) -> list[Record]:
        """The events that a record of the node comes to."""
        if isinstance(error := record.get("error"), str):
            return [{"type": "error", "error": {"type": "api_error", "message": error}}]
        events = self._start()
        message = item(record, "message")
        events += self._say("thinking", message.get("thinking"))
        events += self._say("tool_use" if self.forced else "text", message.get("content"))
        for call in rows(message, "tool_calls"):
            events += self._call(item(call, "function"), call.get("id"))
        return events + self._end(record) if record.get("done") is True else events

    def _start(self) -> list[Record]:
        if self.begun:
            return []
        self.begun = True
        message = {"id": self.message_id, "type": "message", "role": "assistant", "model": self.model, "content": []}
        ended = {"stop_reason": None, "stop_sequence": None}
        usage = {"input_tokens": self.input_tokens, "output_tokens": 0}
        return [{"type": "message_start", "message": {**message, **ended, "usage": usage}}]

    def _say(self, kind: str, text: object) -> list[Record]:
        if not isinstance(text, str) or not text:
            return []
        events = [] if self.open == kind else [*self._close(), self._open(kind)]
        name = {"tool_use": "partial_json"}.get(kind, kind)
        delta = {"type": _DELTA.get(kind, "input_json_delta"), name: text}
        return [*events, {"type": "content_block_delta", "index": self.index, "delta": delta}]

    def _open(self, kind: str) -> Record:
        self.open = kind
        block = _BLANK[kind] if kind in _BLANK else self._tool(self.forced, None)
        return {"type": "content_block_start", "index": self.index, "content_block": dict(block)}

    def _tool(self, name: str, call_id: object) -> Record:
        self.calls += 1
        told = call_id if isinstance(call_id, str) and call_id else self.new_id()
        return {"type": "tool_use", "id": told, "name": name, "input": {}}

    def _call(self, function: Record, call_id: object) -> list[Record]:
        if self.one_call and self.calls:
            return []
        closed = self._close()
        block = self._tool(str(function.get("name", "")), call_id)
        written = orjson.dumps(_arguments(function.get("arguments"))).decode()
        delta = {"type": "input_json_delta", "partial_json": written}
        self.open = "tool_use"
        return [
            *closed,
            {"type": "content_block_start", "index": self.index, "content_block": block},
            {"type": "content_block_delta", "index": self.index, "delta": delta},
            *self._close(),
        ]

    def _close(self) -> list[Record]:
        if not self.open:
            return []
        self.open = ""
        self.index += 1
        return [{"type": "content_block_stop", "index": self.index - 1}]

    def _end(self, record: Record) -> list[Record]:
        reason = _REASONS.get(str(record.get("done_reason")), "tool_use" if self.calls else "end_turn")
        usage = {
            "input_tokens": record.get("prompt_eval_count", self.input_tokens),
            "output_tokens": record.get("eval_count", 0),
        }
        delta = {"stop_reason": reason, "stop_sequence": None}
        return [*self._close(), {"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


def _arguments(given: Any) -> Record:
    """Ollama gives an object; one that is a text of JSON is read."""
    return parsed_input(given) if isinstance(given, str) else given if isinstance(given, dict) else {}


def framed(events: Iterable[Record]) -> bytes:
    """Events as they stand on the wire."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in events)


def answer(records: Iterable[Record], events: Events) -> Record:
    """The whole message that the records of a node come to; ``events`` is fresh and used up."""
    whole = WholeMessage()
    for record in records:
        for event in events.add(record):
            whole.add(event)
    message: Record = orjson.loads(whole.body())
    return message
