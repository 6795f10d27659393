"""Bodies of chat and generate as llama.cpp takes them. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from cluster_ai.core.errors import InvalidInput
from cluster_ai.engines.catalog import LocalGguf
from cluster_ai.engines.embedded.bodies import ChatBody, GenerateBody, Message, WriteBody
from cluster_ai.engines.embedded.options import answer_format, sampling
from cluster_ai.engines.embedded.profiles import capabilities, profile_of

_ROOM: Final = 0.9
"""Share of the context that a shortened talk may fill, as far as characters tell of tokens."""


class TooLong(InvalidInput):
    """The prompt has more tokens than a slot's context holds."""

    code = "context_length_exceeded"

    def __init__(self, tokens: int, context: int) -> None:
        super().__init__(
            f"the prompt has {tokens} tokens, more than the context of {context} that this node gives each answer",
            hint="send less, or raise `context` under [node] in config.toml",
        )
        self.tokens = tokens
        self.context = context


@dataclass(frozen=True, slots=True)
class Prompt:
    """``kind`` is ``chat`` or ``text``. One that may be ``cut`` loses its oldest messages rather than fail."""

    kind: Literal["chat", "text"]
    body: dict[str, Any]
    cut: bool = False
    warnings: list[str] = field(default_factory=list)

    def shorter(self, why: TooLong) -> "Prompt":
        """Without its oldest messages; the system's and the last one stay.

        Raises:
            TooLong: nothing more can go.
        """
        messages = self.body.get("messages", [])
        kept = _newest(messages, why.context / why.tokens * _ROOM)
        if not self.cut or len(kept) == len(messages):
            raise why
        return replace(self, body=self.body | {"messages": kept})


def _newest(messages: Sequence[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    system = [message for message in messages[:-1] if message["role"] == "system"]
    rest = [message for message in messages[:-1] if message["role"] != "system"]
    room = share * sum(map(_weight, messages)) - sum(map(_weight, [*system, *messages[-1:]]))
    kept: list[dict[str, Any]] = []
    for message in reversed(rest[1:]):
        room -= _weight(message)
        if room < 0:
            break
        kept.append(message)
    return [*system, *reversed(kept), *messages[-1:]]


def _weight(message: Mapping[str, Any]) -> int:
    return len(message["content"]) + 16


def chat_prompt(model: LocalGguf, body: ChatBody, *, context: int) -> Prompt:
    """Raises: InvalidInput, when the model cannot do what the body asks."""
    can = capabilities(model)
    told = [_message(message, model) for message in body.messages or []]
    prompt = _common(model, body, context=context)
    extra: dict[str, Any] = {"messages": with_system(told, profile_of(model).system)}
    warnings = list(prompt.warnings)
    if body.tools:
        if "tools" in can:
            extra["tools"] = body.tools
        else:
            # Open WebUI offers its tools to every model: refusing them would refuse every chat.
            warnings.append(f"tools dropped: {model.name} does not support tools")
    return Prompt("chat", prompt.body | extra, cut=body.truncate is not False, warnings=warnings)


def generate_prompt(model: LocalGguf, body: GenerateBody, *, context: int) -> Prompt:
    """Raises: InvalidInput, when the model cannot do what the body asks."""
    if body.suffix:
        raise InvalidInput(f"{model.name} does not support insert", path="suffix")
    if body.template:
        raise InvalidInput("this node knows no template but the model's own; send raw instead", path="template")
    if body.images:
        raise InvalidInput(f"{model.name} does not take images", path="images")
    prompt = _common(model, body, context=context)
    if body.raw:
        return replace(prompt, kind="text", body=prompt.body | {"prompt": body.prompt or ""})
    told = [{"role": "user", "content": body.prompt or ""}]
    system = profile_of(model).system if body.system is None else body.system
    return replace(prompt, body=prompt.body | {"messages": with_system(told, system)})


def _common(model: LocalGguf, body: WriteBody, *, context: int) -> Prompt:
    if body.think and "thinking" not in capabilities(model):
        raise InvalidInput(f'"{model.name}" does not support thinking', path="think")
    chosen = sampling(body.options or {}, defaults=profile_of(model).parameters, context=context)
    params = chosen.params | answer_format(body.format)
    if body.think is not None:
        params["chat_template_kwargs"] = {"enable_thinking": bool(body.think)}
    if body.logprobs:
        params |= logprobs_of(body.top_logprobs)
    return Prompt("chat", params, warnings=chosen.warnings)


def logprobs_of(top: int | None) -> dict[str, Any]:
    """llama.cpp tells the chosen token's probability only along with at least one other."""
    return {"logprobs": True, "top_logprobs": max(1, top or 0)}


def with_system(told: list[dict[str, Any]], system: str) -> list[dict[str, Any]]:
    if not system or (told and told[0]["role"] == "system"):
        return told
    return [{"role": "system", "content": system}, *told]


def _message(message: Message, model: LocalGguf) -> dict[str, Any]:
    if message.images:
        raise InvalidInput(f"{model.name} does not take images", path="messages.images")
    said: dict[str, Any] = {"role": message.role, "content": message.content or ""}
    if message.tool_calls:
        said["tool_calls"] = [_tool_call(call, number) for number, call in enumerate(message.tool_calls)]
    if message.tool_name:
        said["name"] = message.tool_name
    return said


def _tool_call(call: Mapping[str, Any], number: int) -> dict[str, Any]:
    """OpenAI's form: arguments as a text of JSON."""
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InvalidInput("a tool call needs function.name", path="messages.tool_calls")
    arguments = json.dumps(function.get("arguments") or {})
    return {"id": f"call_{number}", "type": "function", "function": {"name": function["name"], "arguments": arguments}}
