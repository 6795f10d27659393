"""What a client asks for, read from the four inference bodies into one shape."""

from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """An inference request, whatever its dialect."""

    model: str
    prompt: tuple[tuple[str, str], ...]  # (role, content)
    seed: int = 0
    limit: int | None = None
    stream: bool = True
    as_json: bool = False
    keep_alive: float | None = None
    tool: str = ""  # name of the first tool offered
    usage: bool = False  # OpenAI: stream_options.include_usage
    openai: bool = False
    chat: bool = True


def named(model: str) -> str:
    """The full name: ``smollm2`` is ``smollm2:latest``."""
    return model if ":" in model.rsplit("/", 1)[-1] else f"{model}:latest"


def content(value: Any) -> str:
    """Text of a message, whether a string or OpenAI's list of parts."""
    if isinstance(value, list):
        return "".join(str(part.get("text", "")) for part in value)
    return str(value or "")


def messages(body: Body) -> tuple[tuple[str, str], ...]:
    return tuple((str(message["role"]), content(message.get("content"))) for message in body.get("messages") or [])


def seconds(value: Any) -> float | None:
    """``keep_alive``: a number of seconds or "5m"; negative means for ever."""
    if value is None or isinstance(value, int | float):
        return value
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    number = value.rstrip("hms")
    return float(number) * units[value[len(number) :] or "s"]


def first_tool(body: Body) -> str:
    tools = body.get("tools") or []
    return str(tools[0]["function"]["name"]) if tools else ""


def from_ollama(path: str, body: Body) -> Ask:
    """``/api/chat`` and ``/api/generate``.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the body is not one of these.
    """
    options = body.get("options") or {}
    chat = path == "/api/chat"
    prompt = messages(body) if chat else ((("user", str(body["prompt"])),) if body.get("prompt") else ())
    limit = options.get("num_predict", -1)
    return Ask(
        model=named(str(body["model"])),
        prompt=prompt,
        seed=int(options.get("seed", 0)),
        limit=None if limit < 0 else int(limit),
        stream=body.get("stream") is not False,
        as_json=bool(body.get("format")),
        keep_alive=seconds(body.get("keep_alive")),
        tool=first_tool(body),
        chat=chat,
    )


def from_openai(path: str, body: Body) -> Ask:
    """``/v1/chat/completions`` and ``/v1/completions``.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the body is not one of these.
    """
    chat = path == "/v1/chat/completions"
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    prompt = body.get("prompt", "")
    return Ask(
        model=named(str(body["model"])),
        prompt=messages(body) if chat else (("user", prompt if isinstance(prompt, str) else "".join(prompt)),),
        seed=int(body.get("seed") or 0),
        limit=None if limit is None else int(limit),
        stream=body.get("stream") is True,
        as_json=(body.get("response_format") or {}).get("type", "text") != "text",
        tool=first_tool(body),
        usage=bool((body.get("stream_options") or {}).get("include_usage")),
        openai=True,
        chat=chat,
    )
