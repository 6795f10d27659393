"""What a streamed answer has said so far, and how another node is asked to go on from there. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.dialects.paths import RELAYED, Dialect, Path
from cluster_ai.gateway.dialects.records import Record

CHAT: Final = "/api/chat"
GENERATE: Final = "/api/generate"
COMPLETIONS: Final = "/v1/chat/completions"
_MINE: Final = frozenset({CHAT, GENERATE, COMPLETIONS})
_BINDING: Final = ("format", "response_format", "tools", "functions", "suffix", "context", "template", "logprobs")
"""With these an answer is more than its text, and half of one is no beginning of another."""
JOINED: Final = 64
"""So many bits of an answer are kept apart; each alone takes ten times its bytes."""
_PLAIN: Final = frozenset({"role", "content", "refusal"})
"""What a bit of a plain answer says."""


@dataclass(slots=True)
class Told:
    """Of one call, over all nodes that wrote it."""

    path: Path
    text: str = ""
    tokens: int = 0
    more: bool = False
    """Something was said that is not plain text: thinking, calls of tools, several answers."""
    first: Mapping[str, Any] = field(default_factory=dict)
    """The first record."""
    _bits: list[str] = field(default_factory=list)

    @property
    def is_nothing(self) -> bool:
        return not self.more and not self.tokens

    def add(self, record: Record) -> str:
        """The text in ``record``, which the client is told."""
        data = record.data
        if data is None:
            return ""
        if not self.first:
            self.first = data
        text = self._read(data)
        if text:
            self._bits.append(text)
            self.tokens += 1
            if len(self._bits) >= JOINED:
                self.so_far()
        return text

    def so_far(self) -> str:
        """All of the text."""
        self.text += "".join(self._bits)
        self._bits.clear()
        return self.text

    def _read(self, data: Mapping[str, Any]) -> str:
        if self.path.dialect is Dialect.OLLAMA:
            words = data.get("message")
            words = words if isinstance(words, dict) else data
            if words.get("thinking") or words.get("tool_calls"):
                self.more = True
            return str(words.get("content") or data.get("response") or "")
        choices = data.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            # Events of dialects that are not read here: something was said, nobody knows what.
            self.more = self.more or (choices is None and "usage" not in data)
            return ""
        delta = choices[0].get("delta")
        delta = delta if isinstance(delta, dict) else {}
        if len(choices) > 1 or (not delta.keys() <= _PLAIN and any(delta[name] for name in delta.keys() - _PLAIN)):
            self.more = True
        return str(delta.get("content") or choices[0].get("text") or "")


def can_go_on(call: Call, told: Told) -> bool:
    """Whether another node can be asked for the rest."""
    fields = call.fields
    if call.path.path not in _MINE or told.more or any(fields.get(name) for name in _BINDING):
        return False
    n = fields.get("n")
    return n is None or n == 1


def rest_of(call: Call, told: Told, *, digest: str) -> Call:
    """The call for the rest of an answer: the same weights, and what was said as the beginning of the answer."""
    text = told.so_far()
    fields = dict(call.fields)
    path = call.path
    if path.path == GENERATE and fields.get("raw"):
        fields["prompt"] = str(fields.get("prompt") or "") + text
    elif path.path == GENERATE:
        path, fields = RELAYED[CHAT], _as_chat(fields, text)
    else:
        fields["messages"] = _with_beginning(fields.get("messages"), text)
    _shorten(fields, told.tokens)
    return replace(call, path=path, fields=fields, body=orjson.dumps(fields), digest=digest)


def _as_chat(fields: dict[str, Any], text: str) -> dict[str, Any]:
    # Only a chat can be given the beginning of its answer; the template makes the same prompt of both.
    asked = {"role": "user", "content": str(fields.pop("prompt", "") or "")}
    if images := fields.pop("images", None):
        asked["images"] = images
    system = fields.pop("system", None)
    before = [{"role": "system", "content": system}] if system else []
    return {**fields, "messages": [*before, asked, {"role": "assistant", "content": text}]}


def _with_beginning(messages: object, text: str) -> list[Any]:
    rows = list(messages) if isinstance(messages, list) else []
    last = rows[-1] if rows and isinstance(rows[-1], dict) else {}
    if last.get("role") == "assistant" and isinstance(last.get("content"), str):
        return [*rows[:-1], {**last, "content": last["content"] + text}]
    return [*rows, {"role": "assistant", "content": text}]


def _shorten(fields: dict[str, Any], tokens: int) -> None:
    options = fields.get("options")
    if isinstance(options, dict) and isinstance(options.get("num_predict"), int) and options["num_predict"] > 0:
        fields["options"] = {**options, "num_predict": max(1, options["num_predict"] - tokens)}
    for name in ("max_tokens", "max_completion_tokens"):
        if isinstance(fields.get(name), int):
            fields[name] = max(1, fields[name] - tokens)


@dataclass(frozen=True, slots=True)
class Seam:
    """Makes the records of the rest look as if the first node had gone on. ``before``: tokens told before the break."""

    path: Path
    first: Mapping[str, Any]
    before: int
    times: int

    def mend(self, record: Record) -> Record | None:
        """The record as the client gets it; None for one that only opens an answer."""
        data = record.data
        if data is None:
            return record
        if self.path.dialect is Dialect.OLLAMA:
            mended = self._line(data)
            return Record(orjson.dumps(mended) + b"\n", mended, record.is_last)
        chunk = self._chunk(data)
        return None if chunk is None else Record(b"data: " + orjson.dumps(chunk) + b"\n\n", chunk, record.is_last)

    def _line(self, data: Mapping[str, Any]) -> dict[str, Any]:
        mended = dict(data)
        if self.path.path == GENERATE and isinstance(message := mended.pop("message", None), dict):
            mended["response"] = message.get("content", "")
        if mended.get("done") is True:
            mended["eval_count"] = int(mended.get("eval_count") or 0) + self.before
            mended["cluster"] = {"resumed": self.times}
        return mended

    def _chunk(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        chunk = dict(data) | {name: self.first[name] for name in ("id", "created") if name in self.first}
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        delta = choice.get("delta")
        if isinstance(delta, dict) and not choice.get("finish_reason") and not delta.get("content"):
            return None
        if isinstance(usage := chunk.get("usage"), dict) and isinstance(usage.get("completion_tokens"), int):
            chunk["usage"] = {**usage, "completion_tokens": usage["completion_tokens"] + self.before}
        if choice.get("finish_reason"):
            chunk["cluster"] = {"resumed": self.times}
        return chunk
