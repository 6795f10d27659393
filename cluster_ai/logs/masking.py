"""Secrets taken out of a line before it is stored: by the name of a field, and by their shape in any text. Pure."""

import re
from typing import Any, Final

from cluster_ai.core.logging import SECRET_WORDS

STARS: Final = "***"
_DEEPEST: Final = 8
_WORDS: Final = (*SECRET_WORDS, "passwd", "apikey", "private_key", "credential")
_NAMED: Final = r"(?:password|passwd|secret|token|api_?key|authorization|cookie|private_key|credentials?)"
_SHAPES: Final = re.compile(
    r"(?P<key>cai_[a-z2-7]{8}_)[A-Za-z0-9_-]{16,}"
    r"|(?P<scheme>\b(?:bearer|basic|apikey)\s+)[A-Za-z0-9._~+/=-]{8,}"
    r"|(?P<user>://[^\s/:@]{0,128}:)[^\s/@]{1,512}(?=@)"
    r"|eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}"
    r"|-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----(?:.*?-----END [A-Z ]{0,32}PRIVATE KEY-----|.*)"
    rf"|(?P<named>(?<![a-z]){_NAMED}[\"']?\s{{0,4}}[=:]\s{{0,4}}[\"']?(?:(?:bearer|basic|apikey)\s+)?)(?!\*\*\*|(?:bearer|basic|apikey)\s)[^\s\"',;&}}]{{6,}}",
    re.IGNORECASE | re.DOTALL,
)


def masked_text(text: str) -> str:
    """``text`` with three stars in place of each key, token and password that can be known by its shape."""
    return _SHAPES.sub(_front, text)


def masked(value: Any, *, depth: int = 0) -> Any:
    """A parsed JSON value, masked throughout; what nests deeper than eight levels is left out."""
    if isinstance(value, str):
        return masked_text(value)
    if depth >= _DEEPEST:
        return STARS if isinstance(value, dict | list) else value
    if isinstance(value, dict):
        return {
            key: STARS if _is_secret(key, inner) else masked(inner, depth=depth + 1) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [masked(inner, depth=depth + 1) for inner in value]
    return value


def _is_secret(key: str, value: Any) -> bool:
    if value is None or value == "" or isinstance(value, bool):
        return False
    name = key.lower()
    # Models' tokens are counted; what is no number is a token of the other kind.
    if isinstance(value, int | float) and "token" in name:
        return False
    return any(word in name for word in _WORDS)


def _front(found: re.Match[str]) -> str:
    kept = found["key"] or found["scheme"] or found["user"] or found["named"] or ""
    return kept + STARS
