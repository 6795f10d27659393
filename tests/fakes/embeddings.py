"""Vectors in the shapes of ``/api/embed``, ``/api/embeddings`` and ``/v1/embeddings``."""

from typing import Any

from tests.fakes.ask import Body, named
from tests.fakes.dialects import dumped
from tests.fakes.text import packed, vector

PATHS = ("/api/embed", "/api/embeddings", "/v1/embeddings")


def texts(body: Body) -> list[str]:
    """What to embed.

    Raises:
        KeyError, TypeError: the body names nothing.
    """
    given = body["prompt"] if "prompt" in body else body["input"]
    return [given] if isinstance(given, str) else [str(text) for text in given]


def answered(path: str, body: Body, shown: str) -> bytes:
    """The answer to ``body``; ``shown`` is the model's name in it."""
    given = texts(body)
    vectors = [vector(named(str(body["model"])), text) for text in given]
    count = sum(len(text.split()) for text in given)
    if path == "/api/embeddings":
        return dumped({"embedding": vectors[0] if vectors else []})
    if path == "/api/embed":
        times = {"total_duration": 1000, "load_duration": 0, "prompt_eval_count": count}
        return dumped({"model": shown, "embeddings": vectors, **times})
    encode: Any = packed if body.get("encoding_format") == "base64" else list
    data = [{"object": "embedding", "index": at, "embedding": encode(one)} for at, one in enumerate(vectors)]
    usage = {"prompt_tokens": count, "total_tokens": count}
    return dumped({"object": "list", "data": data, "model": shown, "usage": usage})
