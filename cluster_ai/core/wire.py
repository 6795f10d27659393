"""What may cross a process: strict frozen models and a JSON reader that refuses what JSON only half means.

Plain parsers answer NaN, 1e999, 2^70, lone surrogates, NUL and ``true``-as-``1`` with a crash somewhere later
(a database driver, an encoder). They are refused here, once, at the door.
"""

import json
import math
import re
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from cluster_ai.core.errors import InvalidInput

MAX_DEPTH = 64
INT64_MAX = 2**63 - 1
JSON_TYPE = "application/json"
_KEY_ENDS = re.compile(rb'"\s*:')


def _clean(text: str) -> str:
    if "\x00" in text:
        raise ValueError("contains a NUL character")
    try:
        # Encoding is the fastest whole-string test for half surrogates.
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise ValueError("contains half of a surrogate pair") from exc
    return text


Text = Annotated[str, StringConstraints(max_length=65_536), AfterValidator(_clean)]
"""Any text a database on either side can store."""

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]*$"),
]
"""A short label that is safe in a URL, a log line and an argument list."""

ModelName = Annotated[
    str,
    StringConstraints(
        max_length=256,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}(/[A-Za-z0-9][A-Za-z0-9._-]{0,79}){0,3}(:[A-Za-z0-9][A-Za-z0-9._-]{0,79})?$",
    ),
]
"""A model as Ollama names it: ``name``, ``name:tag``, ``owner/name:tag`` or ``host/owner/name:tag``."""

Count = Annotated[int, Field(ge=0, le=INT64_MAX)]
"""A number of things that fits a 64-bit column."""


class StrictModel(BaseModel):
    """Input from outside: unknown keys, coercions, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Slice(BaseModel):
    """A room's part of the settings. Not strict: the environment knows texts only, TOML no tuples."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class View(BaseModel):
    """Output, and what our own processes tell each other. Unknown keys pass: versions may differ by one."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


def dump_json(value: Any) -> bytes:
    """Compact JSON. NaN and infinity are a bug of ours and raise ``ValueError``."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def parse_json(body: bytes) -> Any:
    """The value in ``body``.

    Raises:
        InvalidInput: not UTF-8, not JSON, deeper than 64, a key twice, a number JSON or a 64-bit integer
            cannot hold, or half of a surrogate pair.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_slowly(body)
    return value if _is_beyond_doubt(value, body) else _parse_slowly(body)


def _is_beyond_doubt(value: Any, body: bytes) -> bool:
    """Whether what the fast parser made of ``body`` is what the careful one would have made of it.

    The fast one keeps the last of two equal keys and turns a long integer into a float; it refuses the rest itself.
    A key in the body ends with a quote and a colon, so that a body with no more of these than the value has keys has
    none of them twice. Text may hold some, too: then it is parsed once more.
    """
    keys = 0
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict:
                keys += len(item)
                inner.extend(item.values())
            elif kind is list:
                inner.extend(item)
            elif (kind is int or kind is float) and not -INT64_MAX <= item <= INT64_MAX:
                return False
        if not inner:
            return keys == len(_KEY_ENDS.findall(body))
        level = inner
    return False


def _parse_slowly(body: bytes) -> Any:
    """Says exactly what is wrong."""
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_int=_bounded_int,
            parse_float=_finite_float,
        )
    except InvalidInput:
        raise
    except UnicodeDecodeError as exc:
        raise InvalidInput("the body is not UTF-8") from exc
    except RecursionError as exc:
        raise InvalidInput(f"the body nests deeper than {MAX_DEPTH} levels") from exc
    except ValueError as exc:
        raise InvalidInput(f"the body is not JSON: {exc}") from exc
    _check(value)
    return value


def parse_object(body: bytes) -> dict[str, Any]:
    """As ``parse_json``, for a body that must be an object."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise InvalidInput("the body must be a JSON object")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidInput("a key stands twice in one object", path=twice[:80])
    return found


def _no_constant(name: str) -> float:
    raise InvalidInput(f"{name} is not a JSON number")


def _bounded_int(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > INT64_MAX:  # noqa: PLR2004 - 20 digits: more never fit 64 bits
        raise InvalidInput("an integer does not fit 64 bits")
    return int(digits)


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise InvalidInput("a number is too large")
    return value


def _check(value: Any) -> None:
    """Depth and text of every part, without recursion of our own."""
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise InvalidInput(f"the body nests deeper than {MAX_DEPTH} levels")
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            for key, inner in item.items():
                _check_text(key)
                pending.append((inner, depth + 1))
        elif isinstance(item, list):
            pending.extend((inner, depth + 1) for inner in item)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidInput("a text contains half of a surrogate pair") from exc
