"""Deterministic words: the same (model, seed, prompt) gives the same answer on every node, in every dialect.

An answer that was cut can be continued: the part already said comes back as the last assistant message, and the
rest follows from there, so that a stitched answer can be compared byte for byte with an undisturbed one.
"""

import base64
import json
import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

# Some are wider than one byte a letter, so that cuts inside a character happen.
WORDS = (
    *("lamp", "river", "stone", "paper", "cloud", "garden", "ship", "north", "window", "apple", "silver", "bridge"),
    *("coração", "água", "manhã", "café", "naïve", "größe", "żółw", "северный", "日本", "語学", "🙂", "🚲"),
    *("\n", "\t,", ".", ";", ":", "—", "“quoted”", "back\\slash"),
)


def key_of(model: str, seed: int, prompt: Sequence[tuple[str, str]]) -> bytes:
    """Identity of an answer. ``prompt`` holds (role, content) pairs."""
    said = json.dumps([model, seed, list(prompt)], ensure_ascii=True, separators=(",", ":"))
    return blake2b(said.encode(), digest_size=16).digest()


@lru_cache(maxsize=4096)
def words(key: bytes, count: int) -> tuple[str, ...]:
    """The first ``count`` tokens of an answer; a longer answer begins with the shorter one."""
    picked = []
    for at in range(count):
        number = int.from_bytes(blake2b(at.to_bytes(4, "big"), key=key, digest_size=4).digest(), "big")
        picked.append(("" if at == 0 else " ") + WORDS[number % len(WORDS)])
    return tuple(picked)


def after(tokens: Sequence[str], prefix: str) -> tuple[str, ...] | None:
    """What is left of an answer of which ``prefix`` was said; a token cut in its middle yields its rest.

    None when the answer does not begin like that.
    """
    if not "".join(tokens).startswith(prefix):
        return None
    left, skip = [], len(prefix)
    for token in tokens:
        if skip < len(token):
            left.append(token[skip:])
        skip = max(0, skip - len(token))
    return tuple(left)


def answer(model: str, seed: int, prompt: Sequence[tuple[str, str]], *, count: int, as_json: bool) -> tuple[str, ...]:
    """Tokens of the answer to ``prompt``; a last assistant message is the beginning of the answer itself."""
    continues = bool(prompt) and prompt[-1][0] == "assistant"
    asked = prompt[:-1] if continues else prompt
    tokens = words(key_of(model, seed, asked), count)
    if as_json:
        inside = [json.dumps(token, ensure_ascii=False)[1:-1] for token in tokens]
        tokens = ('{"answer": "', *inside, '"}')
    if not continues:
        return tuple(tokens)
    left = after(tokens, prompt[-1][1])
    return words(key_of(model, seed, prompt), count) if left is None else left


def vector(model: str, text: str, dimensions: int = 384) -> list[float]:
    """A unit vector that depends on (model, text) alone."""
    raw = b"".join(
        blake2b(text.encode(), key=model.encode()[:64], salt=at.to_bytes(8, "big"), digest_size=64).digest()
        for at in range(math.ceil(dimensions * 2 / 64))
    )
    numbers = [value / 32768 for value in struct.unpack(f">{len(raw) // 2}h", raw)][:dimensions]
    norm = math.sqrt(sum(value * value for value in numbers)) or 1.0
    return [value / norm for value in numbers]


def packed(values: Sequence[float]) -> str:
    """Little-endian float32 in base64, as OpenAI's ``encoding_format: base64``."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
