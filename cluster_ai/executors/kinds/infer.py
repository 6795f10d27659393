"""INFER: one prompt, one chat or some embeddings, through the gateway."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from cluster_ai.core.wire import ModelName, StrictModel, Text
from cluster_ai.executors.kind import ExecutorSettings, Failed, Means, Order, Refusal, Result, Said, read
from cluster_ai.executors.prompt import Ask, Outcome, Reply, ask, new_client

Options = Annotated[dict[str, str | int | float | bool], Field(max_length=64)]
Schema = Annotated[dict[str, Any], Field(min_length=1)]


class Message(StrictModel):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant", "tool"] = Field(description="Who says it.")
    content: Text = Field(description="What is said.")
    images: tuple[Annotated[str, Field(max_length=1_400_000)], ...] = Field(
        default=(), max_length=16, description="Pictures, base64."
    )


class Asking(StrictModel):
    """What a model is asked with, whatever it is asked."""

    model: ModelName = Field(description="The model, as the gateway knows it.")
    system: Text = Field(default="", description="The system prompt.")
    options: Options = Field(
        default_factory=dict, description="Ollama's options: `temperature`, `num_predict`, `seed`."
    )
    output_schema: Schema | None = Field(default=None, description="A JSON schema that the answer follows.")
    tries: Annotated[int, Field(ge=1, le=20)] = Field(default=5, description="Requests until it is given up.")

    def about(self, prompt: str, order: Order) -> Ask:
        """The request with a prompt."""
        return Ask(
            gateway=order.gateway_url,
            model=self.model,
            prompt=prompt,
            system=self.system,
            options=self.options,
            format=self.output_schema,
            tries=self.tries,
            seconds=order.limits.seconds,
        )


class InferParameters(Asking):
    """A prompt, a chat or texts to embed."""

    prompt: Text = Field(default="", description="The prompt.")
    messages: Annotated[tuple[Message, ...], Field(max_length=500)] = Field(
        default=(), description="A chat; `prompt`, when there is one, comes after it."
    )
    texts: Annotated[tuple[Text, ...], Field(max_length=1000)] = Field(
        default=(), description="Texts to embed; then nothing is said."
    )

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if bool(self.texts) == bool(self.prompt or self.messages):
            raise ValueError("either prompt and messages or texts must be given")
        if self.texts and (self.output_schema or self.system):
            raise ValueError("what is embedded has neither system prompt nor schema")
        return self


class Infer:
    """Asks once; again when the gateway or the nodes behind it are away."""

    kind: ClassVar[str] = "INFER"
    parameters: ClassVar = InferParameters
    is_idempotent: ClassVar[bool] = True
    can_compensate: ClassVar[bool] = True

    def __init__(self, means: Means) -> None:
        self._means = means

    @staticmethod
    def refusals(_parameters: InferParameters, _settings: ExecutorSettings) -> Iterator[Refusal]:
        yield from ()

    def run(self, order: Order, folder: Path, said: Said) -> Result:  # noqa: ARG002 - it writes no files
        asked = _ask(read(InferParameters, order.parameters), order)
        said.progress(0.0, asked.model)
        with new_client(order.gateway_key) as client:
            reply = self._means.stop.during(lambda: ask(asked, client))
        return Result(ok=True, value=_value(answered(reply), asked))

    def compensate(self, order: Order, folder: Path, said: Said) -> Result:  # noqa: ARG002
        return Result(ok=True, value="a question changes nothing")


def answered(reply: Reply) -> Reply:
    """Raises ``Failed`` unless it was answered."""
    if reply.outcome is Outcome.REFUSED:
        raise Failed("model_refused", reply.text)
    if reply.outcome is Outcome.AWAY:
        raise Failed("model_away", reply.text)
    return reply


def as_json(text: str) -> Any:
    """The answer of a model that was given a schema.

    Raises:
        Failed: ``not_json``.
    """
    try:
        return json.loads(text)
    except ValueError as exc:
        raise Failed("not_json", f"the answer is no JSON: {exc}", value={"text": text[:2000]}) from exc


def _ask(parameters: InferParameters, order: Order) -> Ask:
    turns = [message.model_dump(exclude_defaults=True) for message in parameters.messages]
    return replace(parameters.about(parameters.prompt, order), messages=turns, texts=parameters.texts)


def _value(reply: Reply, asked: Ask) -> dict[str, Any]:
    found: dict[str, Any] = {"model": asked.model, "node": reply.node, "seconds": round(reply.seconds, 3)}
    found["tokens"] = {"prompt": reply.prompt_tokens, "completion": reply.completion_tokens}
    if asked.texts:
        return {**found, "embeddings": [list(vector) for vector in reply.vectors]}
    if asked.format is not None:
        found["json"] = as_json(reply.text)
    return {**found, "text": reply.text}
