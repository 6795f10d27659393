"""``/v1``: OpenAI's dialect. llama.cpp's chunks have its shape already, so they pass with little change."""

import base64
import struct
from typing import Any

from cluster_ai.engines.catalog import LocalGguf
from cluster_ai.engines.embedded.bodies import parsed
from cluster_ai.engines.embedded.embeddings import embed, shortened
from cluster_ai.engines.embedded.exchange import Reply
from cluster_ai.engines.embedded.node import Node
from cluster_ai.engines.embedded.openai_answers import streamed, whole
from cluster_ai.engines.embedded.openai_bodies import ChatCompletionBody, Common, CompletionBody, EmbeddingBody
from cluster_ai.engines.embedded.prompts import Prompt


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
            await reply.stream(streamed(writing.chunks, asked))
            return
        answer = await whole(writing.chunks, asked)
    await reply.json(answer)


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
