"""``/api/chat`` and ``/api/generate``: answers in Ollama's shape, as NDJSON or in one piece. Times in nanoseconds."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cluster_ai.core.clock import utc_now
from cluster_ai.engines.catalog import LocalGguf
from cluster_ai.engines.embedded.bodies import ChatBody, GenerateBody, WriteBody, parsed
from cluster_ai.engines.embedded.exchange import Reply
from cluster_ai.engines.embedded.node import Node, Writing
from cluster_ai.engines.embedded.pieces import Piece, Tally, pieces, whole
from cluster_ai.engines.embedded.prompts import Prompt, chat_prompt, generate_prompt

_NS: Final = 1_000_000_000
_NS_A_MS: Final = 1_000_000

Says = Callable[[Piece], dict[str, Any]]
"""What of a line is the dialect's own: ``message`` in a chat, ``response`` otherwise."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How one endpoint's lines look. ``began`` is on the node's clock."""

    name: str
    says: Says
    began: float
    top: int
    """How many likely tokens to name beside each chosen one."""

    def line(self, piece: Piece, **more: Any) -> dict[str, Any]:
        said = {"model": self.name, "created_at": stamp(utc_now()), **self.says(piece), "done": False, **more}
        if piece.logprobs:
            said["logprobs"] = [_logprob(token, self.top) for token in piece.logprobs]
        return said


async def chat(node: Node, body: dict[str, Any], reply: Reply) -> None:
    asked = parsed(ChatBody, body)
    shape = Shape(asked.model, _message, node.clock(), asked.top_logprobs or 0)
    if not asked.messages:
        await _load_only(node, asked, shape, reply)
        return
    model = node.find(asked.model, able="chat")
    await _write(node, model, asked, (chat_prompt(model, asked, context=node.context(model)), shape), reply)


async def generate(node: Node, body: dict[str, Any], reply: Reply) -> None:
    asked = parsed(GenerateBody, body)
    shape = Shape(asked.model, _response, node.clock(), asked.top_logprobs or 0)
    if not asked.prompt and not asked.images and not asked.suffix:
        await _load_only(node, asked, shape, reply)
        return
    model = node.find(asked.model, able="generate")
    await _write(node, model, asked, (generate_prompt(model, asked, context=node.context(model)), shape), reply)


async def _write(node: Node, model: LocalGguf, asked: WriteBody, how: tuple[Prompt, Shape], reply: Reply) -> None:
    prompt, shape = how
    reply.warn(prompt.warnings)
    async with node.write(model, prompt, keep_alive=node.keep_alive(asked.keep_alive)) as writing:
        if asked.stream is not False:
            await reply.stream(_lines(node, shape, writing))
            return
        tally = Tally()
        answer = await whole(writing.chunks, tally)
        said = _last(node, shape, writing, tally, piece=answer)
    await reply.json(said)


async def _lines(node: Node, shape: Shape, writing: Writing) -> AsyncIterator[dict[str, Any]]:
    tally = Tally()
    async for piece in pieces(writing.chunks, tally):
        yield shape.line(piece)
    yield _last(node, shape, writing, tally, piece=Piece(""))


def _last(node: Node, shape: Shape, writing: Writing, tally: Tally, *, piece: Piece) -> dict[str, Any]:
    ended = {
        "done": True,
        "done_reason": "length" if tally.reason == "length" else "stop",
        "total_duration": round((node.clock() - shape.began) * _NS),
        "load_duration": round(writing.load_seconds * _NS),
        "prompt_eval_count": tally.prompt_tokens,
        "prompt_eval_duration": round(tally.prompt_ms * _NS_A_MS),
        "eval_count": tally.tokens,
        "eval_duration": round(tally.tokens_ms * _NS_A_MS),
    }
    line = shape.line(piece, **ended)
    if calls := tally.tool_calls():
        line["message"]["tool_calls"] = [{"function": {"name": name, "arguments": given}} for name, given in calls]
    return line


async def _load_only(node: Node, asked: WriteBody, shape: Shape, reply: Reply) -> None:
    """A request without a prompt loads the model, whatever it is for, or with ``keep_alive`` 0 unloads it."""
    model = node.find(asked.model)
    keep_alive = node.keep_alive(asked.keep_alive)
    if keep_alive == 0:
        await node.residency.unload(model.name)
        await reply.json(shape.line(Piece(""), done=True, done_reason="unload"))
        return
    async with node.lease(model, keep_alive):
        pass
    await reply.json(shape.line(Piece(""), done=True, done_reason="load"))


def _message(piece: Piece) -> dict[str, Any]:
    thinking = {"thinking": piece.thinking} if piece.thinking else {}
    return {"message": {"role": "assistant", "content": piece.text, **thinking}}


def _response(piece: Piece) -> dict[str, Any]:
    return {"response": piece.text, **({"thinking": piece.thinking} if piece.thinking else {})}


def _logprob(token: dict[str, Any], top: int) -> dict[str, Any]:
    said: dict[str, Any] = {key: token[key] for key in ("token", "logprob", "bytes") if key in token}
    if top:
        said["top_logprobs"] = [_logprob(other, 0) for other in token.get("top_logprobs", ())[:top]]
    return said


def stamp(when: datetime) -> str:
    """As Go writes it, with ``Z``."""
    return when.isoformat().replace("+00:00", "Z")
