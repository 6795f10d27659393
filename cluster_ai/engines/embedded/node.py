"""What every endpoint of the node works with: its models, and a way to have one write or embed."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.core.clock import Clock
from cluster_ai.core.errors import ClusterError, Conflict, InvalidInput, NotFound, Unavailable
from cluster_ai.engines.catalog import Catalog, LocalGguf, full_name
from cluster_ai.engines.embedded.bodies import seconds
from cluster_ai.engines.embedded.prompts import Prompt, TooLong
from cluster_ai.engines.process import Runner, RunnerDied
from cluster_ai.engines.residency import Lease, Residency
from cluster_ai.engines.types import LoadSpec, NodeSettings

Chunk = dict[str, Any]

_CLIENT_FAULT: Final = 400
_FIRST_SERVER_FAULT: Final = 500
_TOO_LARGE: Final = re.compile(r"input \((\d+) tokens\) is too large")
_LONGEST_FAULT: Final = 400


class ModelFault(Unavailable):
    """llama.cpp failed at something that it had accepted."""

    code = "model_fault"


@dataclass(frozen=True, slots=True)
class Writing:
    """An answer under way. ``chunks`` are llama.cpp's, in OpenAI's shape; the last one carries ``usage``."""

    load_seconds: float
    chunks: AsyncIterator[Chunk]


@dataclass(frozen=True, slots=True)
class Node:
    """The models and the memory they stand in. ``threads`` are those of one model."""

    settings: NodeSettings
    catalog: Catalog
    residency: Residency
    threads: int
    clock: Clock

    def find(self, name: str, *, able: str = "") -> LocalGguf:
        """The model; with ``able``, one that can do that: ``chat``, ``generate`` or ``embeddings``.

        Raises:
            InvalidInput: no name, or the model cannot.
            NotFound: there is none.
            Conflict: its file was refused; the reason is in the words.
        """
        if not name:
            raise InvalidInput("model is required", path="model")
        model = self.catalog.find(name)
        if model is None:
            if reason := self.catalog.refused.get(full_name(name)):
                raise Conflict(f"model '{name[:200]}' cannot be served: {reason}")
            raise NotFound(f"model '{name[:200]}' not found")
        if able and model.embedding != (able == "embeddings"):
            raise InvalidInput(f'"{name}" does not support {able}', path="model")
        return model

    def context(self, model: LocalGguf) -> int:
        """Tokens each slot holds; never more than the model was made for."""
        return min(self.settings.context, model.facts.context_length or self.settings.context)

    def keep_alive(self, asked: float | str | None) -> float:
        return seconds(self.settings.keep_alive_seconds if asked is None else asked)

    def lease(self, model: LocalGguf, keep_alive: float) -> contextlib.AbstractAsyncContextManager[Lease]:
        spec = LoadSpec(
            path=model.path,
            embedding=model.embedding,
            threads=self.threads,
            slots=self.settings.slots,
            context=self.context(model),
            cache_ram_mib=self.settings.cache_ram_mib,
        )
        return self.residency.lease(model.name, spec, keep_alive=keep_alive)

    @contextlib.asynccontextmanager
    async def write(self, model: LocalGguf, prompt: Prompt, *, keep_alive: float) -> AsyncIterator[Writing]:
        """An answer that has begun: its first chunk is there, so a refusal comes before any of it is sent.

        Raises:
            Busy, LoadFailed, RunnerDied, ModelFault, TooLong, InvalidInput: no answer, and why.
        """
        for last in (False, True):
            async with self.lease(model, keep_alive) as lease, contextlib.AsyncExitStack() as stack:
                try:
                    chunks = await _begun(stack, lease.runner, prompt)
                except RunnerDied as exc:
                    # It died before it took this request: a new one deserves a try.
                    if exc.began or last:
                        raise
                    continue
                yield Writing(lease.load_seconds, chunks)
                return


async def _begun(stack: contextlib.AsyncExitStack, runner: Runner, prompt: Prompt) -> AsyncIterator[Chunk]:
    while True:
        body = prompt.body | {"stream_options": {"include_usage": True}}
        chunks = _checked(await stack.enter_async_context(runner.exchange(prompt.kind, body)))
        try:
            return _with_first(await anext(chunks), chunks)
        except TooLong as exc:
            prompt = prompt.shorter(exc)


async def _with_first(first: Chunk, rest: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    yield first
    async for chunk in rest:
        yield chunk


async def _checked(chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    """Without progress reports; an error is raised, and so is an end that came too early."""
    complete = False
    async for chunk in chunks:
        if "error" in chunk:
            raise refusal(chunk["error"])
        complete = complete or "usage" in chunk
        if "prompt_progress" not in chunk:
            yield chunk
    if not complete:
        raise RunnerDied("the model's process ended in the middle of the answer", began=True)


def refusal(error: dict[str, Any]) -> ClusterError:
    """llama.cpp's error object as one of ours."""
    message = str(error.get("message", "llama.cpp gave no reason"))[:_LONGEST_FAULT]
    if error.get("type") == "exceed_context_size_error":
        return TooLong(int(error["n_prompt_tokens"]), int(error["n_ctx"]))
    if found := _TOO_LARGE.search(message):
        return TooLong(int(found[1]), 0)
    if _CLIENT_FAULT <= int(error.get("code", _FIRST_SERVER_FAULT)) < _FIRST_SERVER_FAULT:
        return InvalidInput(message)
    return ModelFault(message)
