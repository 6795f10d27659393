"""``/v1``: OpenAI's dialect. llama.cpp's chunks have its shape already, so they pass with little change."""

import base64
import struct
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from cluster_ai.core.errors import ClusterError
from cluster_ai.engines.catalog import LocalGguf
from cluster_ai.engines.embedded.bodies import parsed
from cluster_ai.engines.embedded.embeddings import embed, shortened
from cluster_ai.engines.embedded.exchange import OPENAI, Reply, status_of
from cluster_ai.engines.embedded.node import Chunk, Node
from cluster_ai.engines.embedded.openai_bodies import ChatCompletionBody, Common, CompletionBody, EmbeddingBody
from cluster_ai.engines.embedded.prompts import Prompt

_OURS: Final = {"system_fingerprint": "fp_cluster_ai"}
_NOT_THEIRS: Final = ("timings",)


async def chat_completions(node: Node, body: dict[str, Any], reply: Reply) -> None:
    asked = parsed(ChatCompletionBody, body)
    model = node.find(asked.model, able="chat")
    await _write(node, model, asked, asked.prompt(model, context=node.context(model)), reply)


async def completions(node: Node, body: dict[str, Any], reply: Reply) -> None:
    asked = parsed(CompletionBody, body)
    model = node.find(asked.model, able="generate")
    await _write(node, model, asked, asked.text(model, context=node.context(model)), reply)


async def _write(node: Node, model: LocalGguf, asked: Common, prompt: Prompt, reply: Reply) -> None:
    reply.warn(prompt.warnings)
    async with node.write(model, prompt, keep_alive=node.keep_alive(None)) as writing:
        if asked.stream:
            await reply.stream(_theirs(writing.chunks, asked))
            return
        answer = await _whole(_theirs(writing.chunks, asked), chat=prompt.kind == "chat")
    await reply.json(answer)


async def _theirs(chunks: AsyncIterator[Chunk], asked: Common) -> AsyncIterator[Chunk]:
    async for chunk in chunks:
        shown = {key: value for key, value in chunk.items() if key not in _NOT_THEIRS} | _OURS
        shown["model"] = asked.model
        if asked.stream and not asked.wants_usage:
            shown.pop("usage", None)
            if not shown["choices"]:
                continue
        yield shown


async def _whole(chunks: AsyncIterator[Chunk], *, chat: bool) -> dict[str, Any]:
    """The chunks as one answer."""
    answer: dict[str, Any] = {}
    said = _Said()
    async for chunk in chunks:
        answer |= {key: value for key, value in chunk.items() if key != "choices"}
        for choice in chunk["choices"]:
            said.add(choice)
    answer["object"] = "chat.completion" if chat else "text_completion"
    body = {"message": said.message()} if chat else {"text": said.text}
    logprobs = {"content": said.logprobs} if said.logprobs else None
    answer["choices"] = [{"index": 0, **body, "logprobs": logprobs, "finish_reason": said.reason}]
    return answer


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
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None if self.calls else self.text}
        if self.thinking:
            message["reasoning_content"] = self.thinking
        if self.calls:
            message["tool_calls"] = [call for _, call in sorted(self.calls.items())]
        return message


async def embeddings(node: Node, body: dict[str, Any], reply: Reply) -> None:
    asked = parsed(EmbeddingBody, body)
    model = node.find(asked.model, able="embeddings")
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    done = await embed(node, model, texts, keep_alive=node.keep_alive(None))
    vectors = [shortened(vector, asked.dimensions) for vector in done.vectors]
    shown = [_packed(vector) for vector in vectors] if asked.encoding_format == "base64" else vectors
    data = [{"object": "embedding", "index": number, "embedding": vector} for number, vector in enumerate(shown)]
    usage = {"prompt_tokens": done.tokens, "total_tokens": done.tokens}
    await reply.json({"object": "list", "model": asked.model, "data": data, "usage": usage})


def _packed(vector: list[float]) -> str:
    """Little-endian 32-bit floats in base64: what OpenAI's client asks for unless told otherwise."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def models(node: Node) -> dict[str, Any]:
    return {"object": "list", "data": [_model(model) for model in node.catalog.models.values()]}


def one_model(node: Node, name: str) -> Response:
    try:
        return JSONResponse(_model(node.find(name)))
    except ClusterError as exc:
        status = status_of(exc)
        return JSONResponse(OPENAI.fault(status, exc), status)


def _model(model: LocalGguf) -> dict[str, Any]:
    created = int(model.modified_at.timestamp())
    return {"id": model.name, "object": "model", "created": created, "owned_by": "library"}
