"""About how many tokens a request is: an estimate, and called one. Pure.

Neither Ollama nor the embedded node counts tokens without writing an answer, and the vocabulary of another model would
count something else. So words are weighed as the vocabularies of today cut them: a short word is one token, a long one
is cut about every five letters, digits and the letters of other alphabets stand alone, marks go in pairs.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from cluster_ai.core.wire import parse_object
from cluster_ai.gateway.dialects.anthropic import translated

ESTIMATED: Final = {"X-Cluster-Estimated": "input_tokens"}
"""Header of an answer that holds an estimate."""
_PIECE: Final = re.compile(r"[a-zA-Z]+|[^\W_a-zA-Z]|[^\w\s]+|_+|\n+| {2,}")
_SHORT_WORD: Final = 6
_SAMPLE: Final = 16 * 1024
"""Characters that are weighed; a longer text is taken to go on like its beginning."""
_PROMPT_TOKENS: Final = 3
_MESSAGE_TOKENS: Final = 5
"""Marks that a chat template puts around a message."""
_IMAGE_TOKENS: Final = 768
"""A picture of 512 by 512 pixels in the models that are usual here; they differ by a factor of four."""


def estimated_tokens(body: Mapping[str, Any]) -> int:
    """Of a body of ``/api/chat``."""
    messages = body.get("messages") or []
    images = sum(len(message.get("images") or ()) for message in messages)
    tools = tokens_of(orjson.dumps(body["tools"]).decode()) if body.get("tools") else 0
    fixed = _PROMPT_TOKENS + _MESSAGE_TOKENS * len(messages) + _IMAGE_TOKENS * images
    return fixed + tools + sum(map(_of_message, messages))


def counted(body: bytes) -> bytes:
    """The answer to a request of ``/v1/messages/count_tokens``.

    Raises:
        InvalidInput: it is no such request.
    """
    told = translated(parse_object(body), counting=True)
    return orjson.dumps({"input_tokens": estimated_tokens(told.body)})


def tokens_of(text: str) -> int:
    """Of a plain text."""
    weighed = sum(map(_weight, _PIECE.findall(text[:_SAMPLE])))
    return weighed if len(text) <= _SAMPLE else round(weighed * len(text) / _SAMPLE)


def _weight(piece: str) -> int:
    if piece[0].isalpha() and piece[0].isascii():
        return 1 if len(piece) <= _SHORT_WORD else 1 + (len(piece) - 3) // 5
    return 1 if piece.isalnum() or piece.isspace() else (len(piece) + 1) // 2


def _of_message(message: Mapping[str, Any]) -> int:
    texts = [text for name in ("content", "thinking") if isinstance(text := message.get(name), str)]
    if calls := message.get("tool_calls"):
        texts.append(orjson.dumps(calls).decode())
    return sum(map(tokens_of, texts))
