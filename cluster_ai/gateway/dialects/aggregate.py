"""Whole answers out of streamed records. Pure.

Nodes are always asked with streaming on, for only so can they be cancelled and a half answer be tried again elsewhere.
A client that asked for one piece gets here what the node would have said in one piece.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson

from cluster_ai.gateway.dialects.aggregate_events import Record, WholeMessage, WholeResponse, index_of, item, rows

_CHOSEN: Final = ("/v1/chat/completions", "/v1/completions")
_TEXTS: Final = ("content", "reasoning", "reasoning_content", "refusal")
"""What a delta says bit by bit; anything else in it is said at once."""


class Whole(Protocol):
    """An answer being put together."""

    def add(self, record: Record) -> None:
        """The next record: an NDJSON line, or the data of an event, parsed. ``[DONE]`` is none."""

    def body(self) -> bytes:
        """The answer, once its last record was added."""


def whole_of(path: str) -> Whole:
    """For one answer of ``path``.

    Raises:
        KeyError: that path has no streamed form.
    """
    return _WHOLES[path]()


def streamed_body(path: str, fields: Mapping[str, Any]) -> bytes:
    """The request with streaming on, and with what a whole answer needs: OpenAI's streams tell no usage unasked."""
    changed = {**fields, "stream": True}
    if path in _CHOSEN:
        given = fields.get("stream_options")
        changed["stream_options"] = {**(given if isinstance(given, dict) else {}), "include_usage": True}
    return orjson.dumps(changed)


@dataclass(slots=True)
class WholeOllama:
    """Of ``/api/chat`` and ``/api/generate``: the last record with all that was said before.

    ``inside``: the field in which the words stand; empty where they stand in the record itself.
    """

    inside: str
    last: Record = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    listed: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        self.last = record
        self._keep(item(record, self.inside) if self.inside else record)
        self._list(record, "logprobs")

    def _keep(self, words: Record) -> None:
        for name in ("content", "thinking") if self.inside else ("response", "thinking"):
            if isinstance(text := words.get(name), str):
                self.said.setdefault(name, []).append(text)
        self._list(words, "tool_calls")

    def _list(self, record: Record, name: str) -> None:
        if isinstance(more := record.get(name), list):
            self.listed.setdefault(name, []).extend(more)

    def body(self) -> bytes:
        # Ollama leaves out an empty thinking.
        told: Record = {name: text for name, bits in self.said.items() if (text := "".join(bits)) or name != "thinking"}
        told |= {name: self.listed[name] for name in ("tool_calls",) if self.listed.get(name)}
        whole = dict(self.last)
        if self.listed.get("logprobs"):
            whole["logprobs"] = self.listed["logprobs"]
        if self.inside:
            told = {self.inside: {**item(self.last, self.inside), **told}}
        return orjson.dumps(whole | told)


@dataclass(slots=True)
class _Choice:
    """One of the answers that were asked for."""

    fields: Record = field(default_factory=dict)
    message: Record = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[int, Record] = field(default_factory=dict)
    function: Record = field(default_factory=dict)
    """The one call of the older form."""
    logprobs: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, choice: Record) -> None:
        self._merge(self.fields, choice, apart=("delta", "text", "logprobs"))
        self._say("text", choice.get("text"))
        delta = item(choice, "delta")
        self._merge(self.message, delta, apart=(*_TEXTS, "tool_calls", "function_call"))
        for name in _TEXTS:
            self._say(name, delta.get(name))
        for place, call in enumerate(rows(delta, "tool_calls")):
            merge_call(self.calls.setdefault(index_of(call, place), {}), call)
        _grow(self.function, item(delta, "function_call"))
        self._add_logprobs(item(choice, "logprobs"))

    @staticmethod
    def _merge(into: Record, said: Record, *, apart: tuple[str, ...]) -> None:
        for name, value in said.items():
            if name not in apart and (value is not None or name not in into):
                into[name] = value

    def _say(self, name: str, text: object) -> None:
        if isinstance(text, str):
            self.said.setdefault(name, []).append(text)

    def _add_logprobs(self, said: Record) -> None:
        # A node may count offsets from each chunk's own start; a whole answer counts from the answer's.
        before = sum(map(len, self.logprobs.get("tokens", ())))
        for name, values in said.items():
            if not isinstance(values, list):
                continue
            shift = before if name == "text_offset" and values[:1] == [0] else 0
            self.logprobs.setdefault(name, []).extend(value + shift if shift else value for value in values)

    def whole(self, *, is_chat: bool) -> Record:
        body = {"message": self._message()} if is_chat else {"text": "".join(self.said.get("text", ()))}
        logprobs = {"logprobs": self.logprobs} if self.logprobs else {}
        return {"index": self.fields.get("index", 0)} | body | logprobs | self.fields

    def _message(self) -> Record:
        said: Record = {name: "".join(bits) for name, bits in self.said.items() if name != "text"}
        # Beside calls alone OpenAI says null, and so does a node that never said a word.
        content = {"content": said.pop("content", None if self.calls else "")}
        calls = [call for _, call in sorted(self.calls.items())]
        more: Record = {"tool_calls": calls, "function_call": self.function, **said}
        return {"role": "assistant"} | self.message | content | {name: value for name, value in more.items() if value}


def merge_call(known: Record, said: Record) -> None:
    """A bit of a tool call added to what is known of it: its name and arguments grow, the rest is said once."""
    for name, value in said.items():
        if name == "function":
            _grow(known.setdefault("function", {}), item(said, "function"))
        elif name != "index" and (value or name not in known):
            known[name] = value


def _grow(known: Record, said: Record) -> None:
    for name, value in said.items():
        before = known.get(name)
        known[name] = before + value if isinstance(before, str) and isinstance(value, str) else value


@dataclass(slots=True)
class WholeCompletion:
    """Of OpenAI's chat completions and completions."""

    fields: Record = field(default_factory=dict)
    choices: dict[int, _Choice] = field(default_factory=dict)
    is_chat: bool = False

    def add(self, record: Record) -> None:
        self.is_chat = self.is_chat or record.get("object") == "chat.completion.chunk"
        for name, value in record.items():
            if name != "choices" and (value is not None or name not in self.fields):
                self.fields[name] = value
        for choice in rows(record, "choices"):
            self.is_chat = self.is_chat or "delta" in choice
            self.choices.setdefault(index_of(choice, 0), _Choice()).add(choice)

    def body(self) -> bytes:
        kind = {"object": "chat.completion"} if self.is_chat else {}
        choices = [choice.whole(is_chat=self.is_chat) for _, choice in sorted(self.choices.items())]
        return orjson.dumps(self.fields | kind | {"choices": choices})


_WHOLES: Final[Mapping[str, Callable[[], Whole]]] = {
    "/api/chat": lambda: WholeOllama("message"),
    "/api/generate": lambda: WholeOllama(""),
    "/v1/chat/completions": WholeCompletion,
    "/v1/completions": WholeCompletion,
    "/v1/messages": WholeMessage,
    "/v1/responses": WholeResponse,
}


def records_in(lines: Iterable[bytes]) -> Iterator[Record]:
    """The records of a stream's lines, NDJSON or server-sent events; what is no record is passed over."""
    for line in lines:
        data = line.removeprefix(b"data:").strip()
        if data.startswith(b"{"):
            yield orjson.loads(data)
