"""``/api/embed`` and the older ``/api/embeddings``; ``embed`` serves OpenAI's dialect, too."""

import contextlib
import math
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.engines.catalog import LocalGguf
from cluster_ai.engines.embedded.bodies import EmbedBody, EmbeddingsBody, parsed
from cluster_ai.engines.embedded.exchange import Reply
from cluster_ai.engines.embedded.node import Node, refusal
from cluster_ai.engines.embedded.prompts import TooLong
from cluster_ai.engines.process import Runner, RunnerDied

BATCH: Final = 8
"""Texts in one exchange with the runner: between two of them a client who left is noticed and others get a turn."""
_ROOM: Final = 0.9
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of length 1, one a text; ``tokens`` of all texts."""

    vectors: list[list[float]]
    tokens: int
    load_seconds: float


async def embed(
    node: Node, model: LocalGguf, texts: list[str], *, keep_alive: float, truncate: bool = True
) -> Embedded:
    """A vector for each text. One with more tokens than the model reads is cut, unless ``truncate`` is off.

    Raises:
        Busy, LoadFailed, RunnerDied, ModelFault: no answer, and why.
        TooLong: a text is too long and must not be cut.
    """
    try:
        return await _embed(node, model, texts, keep_alive=keep_alive, truncate=truncate)
    except RunnerDied:
        # Nothing of the answer is sent yet, so a new runner deserves a try.
        return await _embed(node, model, texts, keep_alive=keep_alive, truncate=truncate)


async def _embed(node: Node, model: LocalGguf, texts: list[str], *, keep_alive: float, truncate: bool) -> Embedded:
    vectors: list[list[float]] = []
    tokens = 0
    async with node.lease(model, keep_alive) as lease:
        context = node.context(model)
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            found, used = await _batch(lease.runner, batch, context, cut=truncate)
            vectors += found
            tokens += used
        return Embedded(vectors, tokens, lease.load_seconds)


async def _batch(runner: Runner, texts: list[str], context: int, *, cut: bool) -> tuple[list[list[float]], int]:
    with contextlib.suppress(TooLong):
        return await _ask(runner, texts)
    # One of them is too long, and llama.cpp does not say which.
    vectors: list[list[float]] = []
    tokens = 0
    for text in texts:
        found, used = await _fitted(runner, text, context, cut=cut)
        vectors += found
        tokens += used
    return vectors, tokens


async def _fitted(runner: Runner, text: str, context: int, *, cut: bool) -> tuple[list[list[float]], int]:
    while True:
        try:
            return await _ask(runner, [text])
        except TooLong as exc:
            if not cut or len(text) < 2:  # noqa: PLR2004 - one character cannot be cut
                raise TooLong(exc.tokens, context) from exc
            text = text[: max(1, int(len(text) * min(1.0, context / exc.tokens) * _ROOM))]


async def _ask(runner: Runner, texts: list[str]) -> tuple[list[list[float]], int]:
    async with runner.exchange("embed", {"input": texts}) as chunks:
        answer = await anext(chunks)
    if "error" in answer:
        raise refusal(answer["error"])
    found = sorted(answer["data"], key=lambda item: int(item["index"]))
    return [item["embedding"] for item in found], answer["usage"]["prompt_tokens"]


def shortened(vector: list[float], dimensions: int | None) -> list[float]:
    """Its first ``dimensions`` numbers, of length 1 again (Matryoshka embeddings, Kusupati et al. 2022)."""
    if not dimensions or dimensions >= len(vector):
        return vector
    head = vector[:dimensions]
    length = math.sqrt(sum(number * number for number in head)) or 1.0
    return [number / length for number in head]


async def embed_route(node: Node, body: dict[str, Any], reply: Reply) -> None:
    asked = parsed(EmbedBody, body)
    model = node.find(asked.model, able="embeddings")
    if asked.input is None:
        raise InvalidInput("input is required", path="input")
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    began = node.clock()
    done = await embed(
        node, model, texts, keep_alive=node.keep_alive(asked.keep_alive), truncate=asked.truncate is not False
    )
    await reply.json(
        {
            "model": asked.model,
            "embeddings": [shortened(vector, asked.dimensions) for vector in done.vectors],
            "total_duration": round((node.clock() - began) * _NS),
            "load_duration": round(done.load_seconds * _NS),
            "prompt_eval_count": done.tokens,
        }
    )


async def embeddings_route(node: Node, body: dict[str, Any], reply: Reply) -> None:
    asked = parsed(EmbeddingsBody, body)
    model = node.find(asked.model, able="embeddings")
    texts = [asked.prompt] if asked.prompt else []
    done = await embed(node, model, texts, keep_alive=node.keep_alive(asked.keep_alive))
    await reply.json({"embedding": done.vectors[0] if done.vectors else []})
