"""What Ollama's API takes. Types are strict; unknown keys are dropped, as Ollama does: its clients send many. Pure."""

import math
import re
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import StrictModel

MAX_MESSAGES: Final = 10_000
MAX_INPUTS: Final = 2048
MAX_TOP_LOGPROBS: Final = 20

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)?")
_LONGEST: Final = 100 * 365 * 86_400.0

B = TypeVar("B", bound=BaseModel)


def seconds(keep_alive: float | str) -> float:
    """A ``keep_alive`` in seconds: a number, or Go's spelling (``5m``, ``1h30m``); negative means for ever, ``inf``.

    Raises:
        ValueError: it is neither.
    """
    value = keep_alive if isinstance(keep_alive, int | float) else _spelled(keep_alive.strip())
    return math.inf if value < 0 or value > _LONGEST else float(value)


def _spelled(text: str) -> float:
    digits = text.removeprefix("-").removeprefix("+")
    parts = _PART.findall(digits)
    whole = "".join(number + unit for number, unit in parts)
    if not parts or whole != digits or (len(parts) > 1 and not all(unit for _, unit in parts)):
        raise ValueError(f"time: invalid duration {text[:40]!r}")
    total = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    return -total if text.startswith("-") else total


def _keepable(keep_alive: float | str) -> float | str:
    seconds(keep_alive)
    return keep_alive


KeepAlive = Annotated[int | float | str, AfterValidator(_keepable)]


class Body(StrictModel):
    model_config = ConfigDict(extra="ignore")


class Message(Body):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[Any] | None = None
    thinking: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_name: str | None = None


class WriteBody(Body):
    """What chat and generate share."""

    model: str = ""
    stream: bool | None = None
    format: Literal["", "json"] | dict[str, Any] | None = None
    options: dict[str, Any] | None = None
    keep_alive: KeepAlive | None = None
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=MAX_TOP_LOGPROBS)


class ChatBody(WriteBody):
    messages: list[Message] | None = Field(default=None, max_length=MAX_MESSAGES)
    tools: list[dict[str, Any]] | None = None
    truncate: bool | None = None


class GenerateBody(WriteBody):
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    raw: bool | None = None
    images: list[Any] | None = None


class EmbedBody(Body):
    model: str = ""
    input: str | Annotated[list[str], Field(max_length=MAX_INPUTS)] | None = None
    truncate: bool | None = None
    dimensions: int | None = Field(default=None, ge=0, le=1_000_000)
    keep_alive: KeepAlive | None = None


class EmbeddingsBody(Body):
    """Of the older ``/api/embeddings``."""

    model: str = ""
    prompt: str | None = None
    keep_alive: KeepAlive | None = None


class NamedBody(Body):
    """Of show, pull and their like: newer clients say ``model``, older ones ``name``."""

    model: str = ""
    name: str = ""
    stream: bool | None = None


def parsed(shape: type[B], value: dict[str, Any]) -> B:
    """``value`` as ``shape``.

    Raises:
        InvalidInput: with the path of the first fault in its words.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as exc:
        fault = exc.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, fault["loc"]))[:120]
        raise InvalidInput(f"{path}: {fault['msg']}" if path else str(fault["msg"]), path=path) from exc
