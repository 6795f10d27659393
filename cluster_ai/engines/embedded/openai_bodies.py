"""What OpenAI's API takes, as far as a small node can follow, made into prompts. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from cluster_ai.core.errors import InvalidInput
from cluster_ai.engines.catalog import LocalGguf
from cluster_ai.engines.embedded.bodies import MAX_INPUTS, MAX_MESSAGES, MAX_TOP_LOGPROBS, Body
from cluster_ai.engines.embedded.options import sampling, schema_format, stops
from cluster_ai.engines.embedded.profiles import capabilities, profile_of
from cluster_ai.engines.embedded.prompts import Prompt, logprobs_of, with_system

_OWN_DEFAULTS: Final[Mapping[str, Any]] = {"temperature": 1.0, "top_p": 1.0}
"""OpenAI's, where a model has none of its own."""


class StreamOptions(Body):
    include_usage: bool | None = None


class Part(Body):
    type: str
    text: str | None = None


class ChatMessage(Body):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class Common(Body):
    model: str = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=0)
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None

    @property
    def wants_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    def params(self, model: LocalGguf, *, context: int) -> dict[str, Any]:
        """Raises: InvalidInput, when a value is out of its range or more than one answer is asked for."""
        if self.n not in (None, 1):
            raise InvalidInput("this node writes one answer to a request: n must be 1", path="n")
        names = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")
        options = {name: getattr(self, name) for name in names}
        defaults = {**_OWN_DEFAULTS, **profile_of(model).parameters}
        params = sampling(options, defaults=defaults, context=context).params
        if self.max_tokens:
            params["n_predict"] = self.max_tokens
        if self.stop is not None:
            params["stop"] = stops(self.stop, path="stop")
        return params


class ChatCompletionBody(Common):
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: int | None = Field(default=None, ge=0)
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=MAX_TOP_LOGPROBS)

    def prompt(self, model: LocalGguf, *, context: int) -> Prompt:
        """Raises: InvalidInput, when the model cannot do what the body asks."""
        body = self.params(model, context=context) | _response_format(self.response_format)
        if self.max_completion_tokens:
            body["n_predict"] = self.max_completion_tokens
        if self.logprobs:
            body |= logprobs_of(self.top_logprobs)
        body["messages"] = with_system([_message(said) for said in self.messages], profile_of(model).system)
        if self.tools and "tools" not in capabilities(model):
            return Prompt("chat", body, warnings=[f"tools dropped: {model.name} does not support tools"])
        if self.tools:
            body |= {"tools": self.tools} | ({"tool_choice": self.tool_choice} if self.tool_choice else {})
        return Prompt("chat", body)


class CompletionBody(Common):
    prompt: str | list[str] = ""
    suffix: str | None = None
    echo: bool | None = None
    logprobs: int | None = Field(default=None, ge=0, le=MAX_TOP_LOGPROBS)

    def text(self, model: LocalGguf, *, context: int) -> Prompt:
        """Raises: InvalidInput, when the model cannot do what the body asks."""
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        if len(prompts) != 1:
            raise InvalidInput("this node takes one prompt in a request", path="prompt")
        if self.suffix:
            raise InvalidInput(f"{model.name} does not support insert", path="suffix")
        if self.echo:
            raise InvalidInput("echo is not supported by this node", path="echo")
        body = self.params(model, context=context) | {"prompt": prompts[0]}
        return Prompt("text", body | ({} if self.logprobs is None else {"logprobs": max(1, self.logprobs)}))


class EmbeddingBody(Body):
    model: str = ""
    input: str | Annotated[list[str], Field(max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(default=None, ge=1, le=1_000_000)


def _response_format(wanted: dict[str, Any] | None) -> dict[str, Any]:
    match wanted:
        case None | {"type": "text"}:
            return {}
        case {"type": "json_object"}:
            return {"response_format": {"type": "json_object"}}
        case {"type": "json_schema", "json_schema": {"schema": dict() as schema}}:
            return schema_format(schema)
        case _:
            raise InvalidInput(
                "response_format must be of type text, json_object or json_schema with a schema", path="response_format"
            )


def _message(said: ChatMessage) -> dict[str, Any]:
    # "developer" is what OpenAI calls the system now; templates know the older word only.
    message: dict[str, Any] = {"role": "system" if said.role == "developer" else said.role}
    message["content"] = _text(said.content)
    for name in ("name", "tool_calls", "tool_call_id"):
        if (value := getattr(said, name)) is not None:
            message[name] = value
    return message


def _text(content: str | list[Part] | None) -> str:
    if not isinstance(content, list):
        return content or ""
    if any(part.type != "text" for part in content):
        raise InvalidInput("this node takes text only: no images, files or sound", path="messages.content")
    return "".join(part.text or "" for part in content)
