"""llama.cpp's chunks as OpenAI's answers: their shape, but for names, log probabilities and what is ours. Pure."""

from collections.abc import AsyncIterator
from itertools import accumulate
from typing import Any

from cluster_ai.engines.embedded.node import Chunk
from cluster_ai.engines.embedded.openai_bodies import ChatCompletionBody, Common, CompletionBody

_FINGERPRINT = "fp_cluster_ai"


async def streamed(chunks: AsyncIterator[Chunk], asked: Common) -> AsyncIterator[Chunk]:
    """Each chunk as the caller knows it; the one with the usage only when it was asked for."""
    async for chunk in chunks:
        shown = _named(chunk, asked) | {"choices": [_choice(choice, asked) for choice in chunk["choices"]]}
        if not asked.wants_usage:
            shown.pop("usage", None)
            if not shown["choices"]:
                continue
        yield shown


async def whole(chunks: AsyncIterator[Chunk], asked: Common) -> dict[str, Any]:
    """The chunks as one answer."""
    answer: dict[str, Any] = {}
    said = _Said()
    async for chunk in chunks:
        answer |= _named(chunk, asked)
        for choice in chunk["choices"]:
            said.add(choice)
    is_chat = isinstance(asked, ChatCompletionBody)
    answer["object"] = "chat.completion" if is_chat else "text_completion"
    body = {"message": said.message()} if is_chat else {"text": said.text}
    logprobs = {"content": said.logprobs} if said.logprobs else None
    choice = {"index": 0, **body, "logprobs": logprobs, "finish_reason": said.reason}
    return answer | {"choices": [_choice(choice, asked)]}


def _named(chunk: Chunk, asked: Common) -> Chunk:
    kept = {key: value for key, value in chunk.items() if key != "timings"}
    return kept | {"model": asked.model, "system_fingerprint": _FINGERPRINT}


class _Said:
    """Choices of a stream, added up."""

    def __init__(self) -> None:
        self.text = ""
        self.thinking = ""
        self.reason = "stop"
        self.logprobs: list[Any] = []
        self.calls: dict[int, dict[str, Any]] = {}

    def add(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta", {})
        self.text += choice.get("text") or delta.get("content") or ""
        self.thinking += delta.get("reasoning_content") or ""
        self.reason = choice.get("finish_reason") or self.reason
        self.logprobs += (choice.get("logprobs") or {}).get("content") or []
        for call in delta.get("tool_calls") or ():
            self._call(call)

    def _call(self, call: dict[str, Any]) -> None:
        blank = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        known = self.calls.setdefault(call.get("index", 0), blank)
        known["id"] = call.get("id") or known["id"]
        for name, value in call.get("function", {}).items():
            known["function"][name] = known["function"].get(name, "") + (value or "")

    def message(self) -> dict[str, Any]:
        # OpenAI says null, not an empty text, beside tool calls.
        content = self.text or (None if self.calls else "")
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if self.thinking:
            message["reasoning_content"] = self.thinking
        if self.calls:
            message["tool_calls"] = [call for _, call in sorted(self.calls.items())]
        return message


def _choice(choice: dict[str, Any], asked: Common) -> dict[str, Any]:
    """With the log probabilities as this endpoint's clients know them."""
    tokens = (choice.get("logprobs") or {}).get("content")
    if not tokens:
        return choice
    if isinstance(asked, CompletionBody):
        return choice | {"logprobs": _listed(tokens, asked.logprobs or 0)}
    top = asked.top_logprobs or 0 if isinstance(asked, ChatCompletionBody) else 0
    return choice | {"logprobs": {"content": [_cut(token, top) for token in tokens]}}


def _cut(token: dict[str, Any], top: int) -> dict[str, Any]:
    others = [{key: value for key, value in other.items() if key != "id"} for other in token["top_logprobs"][:top]]
    return {key: token[key] for key in ("token", "bytes", "logprob")} | {"top_logprobs": others}


def _listed(tokens: list[dict[str, Any]], top: int) -> dict[str, list[Any]]:
    """The older endpoint's form: a list for each property."""
    others = [{other["token"]: other["logprob"] for other in token["top_logprobs"][:top]} for token in tokens]
    starts = accumulate((len(token["token"]) for token in tokens[:-1]), initial=0)
    return {
        "tokens": [token["token"] for token in tokens],
        "token_logprobs": [token["logprob"] for token in tokens],
        "top_logprobs": others,
        "text_offset": list(starts),
    }
