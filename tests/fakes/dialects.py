"""The records of an answer in the shapes of Ollama and OpenAI. Bytes out of plain values; nothing is sent here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.ask import Ask

CREATED_AT = "2026-01-01T00:00:00.000000Z"
CREATED = 1767225600


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Ending:
    """What the last record tells. Nanoseconds, as Ollama does."""

    reason: str
    prompt_tokens: int
    tokens: int
    total_ns: int = 0
    load_ns: int = 0


@dataclass(frozen=True)
class OllamaDialect:
    """NDJSON lines of ``/api/chat`` and ``/api/generate``."""

    ask: Ask
    model: str
    pad: int = 0

    content_type = "application/x-ndjson"

    def said(self, text: str, **more: Any) -> dict[str, Any]:
        if self.ask.chat:
            return {"message": {"role": "assistant", "content": text, **more}}
        return {"response": text}

    def line(self, fields: dict[str, Any]) -> bytes:
        padding = {"pad": "x" * self.pad} if self.pad else {}
        return dumped({"model": self.model, "created_at": CREATED_AT, **fields, **padding}) + b"\n"

    def token(self, text: str) -> bytes:
        return self.line({**self.said(text), "done": False})

    def call(self) -> bytes:
        return self.line({**self.said("", tool_calls=self.calls()), "done": False})

    def calls(self) -> list[dict[str, Any]]:
        return [{"function": {"name": self.ask.tool, "arguments": {"text": "lamp"}}}]

    def counts(self, ending: Ending) -> dict[str, Any]:
        return {
            "done": True,
            "done_reason": "stop" if ending.reason == "tool_calls" else ending.reason,
            "total_duration": ending.total_ns,
            "load_duration": ending.load_ns,
            "prompt_eval_count": ending.prompt_tokens,
            "prompt_eval_duration": 1,
            "eval_count": ending.tokens,
            "eval_duration": max(1, ending.total_ns - ending.load_ns),
        }

    def ending(self, ending: Ending) -> bytes:
        return self.line({**self.said(""), **self.counts(ending)})

    def whole(self, tokens: Sequence[str], ending: Ending) -> bytes:
        more = {"tool_calls": self.calls()} if ending.reason == "tool_calls" else {}
        return self.line({**self.said("".join(tokens), **more), **self.counts(ending)}).rstrip()

    def framed(self, data: bytes) -> bytes:
        return data + b"\n"

    def failure(self, message: str) -> bytes:
        return dumped({"error": message}) + b"\n"


@dataclass(frozen=True)
class OpenAIDialect:
    """Server-sent events of ``/v1/chat/completions`` and ``/v1/completions``."""

    ask: Ask
    model: str
    pad: int = 0

    content_type = "text/event-stream"

    def body(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        name = f"chat.completion{kind}" if self.ask.chat else "text_completion"
        fields = {"id": "chatcmpl-1", "object": name, "created": CREATED, "model": self.model, "choices": choices}
        return fields | ({"pad": "x" * self.pad} if self.pad else {})

    def event(self, fields: dict[str, Any]) -> bytes:
        return b"data: " + dumped(fields) + b"\n\n"

    def part(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        said = {"delta": delta} if self.ask.chat else {"text": delta.get("content", "")}
        return self.event(self.body(".chunk", [{"index": 0, **said, "finish_reason": reason}]))

    def token(self, text: str) -> bytes:
        return self.part({"role": "assistant", "content": text})

    def call(self) -> bytes:
        return self.part({"role": "assistant", "tool_calls": [{"index": 0, **call} for call in self.calls()]})

    def calls(self) -> list[dict[str, Any]]:
        function = {"name": self.ask.tool, "arguments": '{"text":"lamp"}'}
        return [{"id": "call_1", "type": "function", "function": function}]

    def usage(self, ending: Ending) -> dict[str, int]:
        total = ending.prompt_tokens + ending.tokens
        return {"prompt_tokens": ending.prompt_tokens, "completion_tokens": ending.tokens, "total_tokens": total}

    def ending(self, ending: Ending) -> bytes:
        last = self.part({}, ending.reason)
        if self.ask.usage:
            last += self.event(self.body(".chunk", []) | {"usage": self.usage(ending)})
        return last + b"data: [DONE]\n\n"

    def whole(self, tokens: Sequence[str], ending: Ending) -> bytes:
        text = "".join(tokens)
        said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if self.ask.chat else {"text": text}
        if ending.reason == "tool_calls":
            said["message"]["tool_calls"] = self.calls()
        choices = [{"index": 0, **said, "finish_reason": ending.reason}]
        return dumped(self.body("", choices) | {"usage": self.usage(ending)})

    def framed(self, data: bytes) -> bytes:
        return b"data: " + data + b"\n\n"

    def failure(self, message: str) -> bytes:
        return b"data: " + refusal(message, openai=True) + b"\n\n"


Dialect = OllamaDialect | OpenAIDialect


def dialect(ask: Ask, model: str, pad: int) -> Dialect:
    return OpenAIDialect(ask, model, pad) if ask.openai else OllamaDialect(ask, model, pad)


def malformed(shape: Dialect, kind: str) -> bytes:
    """A record that no client can read, framed like a good one."""
    good = shape.token("lamp 日本").rstrip()
    wide = good.index("日".encode())
    broken = {
        "garbage": b"<<not a record>>",
        "half_utf8": good[: wide + 1] + good[wide + 3 :],
        "cut_line": good[: len(good) // 2],
        "not_object": shape.framed(b"[1,2]").rstrip(),
    }[kind]
    return broken + shape.framed(b"")[-2 if shape.ask.openai else -1 :]


def refusal(message: str, *, openai: bool) -> bytes:
    """The body of a status of 400 or more."""
    if openai:
        return dumped({"error": {"message": message, "type": "api_error", "param": None, "code": None}})
    return dumped({"error": message})
