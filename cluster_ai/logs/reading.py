"""What a part wrote, line by line: our own JSON, or whatever a library and a dying interpreter say. Pure."""

import re
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from cluster_ai.logs.masking import masked, masked_text
from cluster_ai.logs.types import RANKS, Entry

LONGEST_TEXT: Final = 8192
LONGEST_VALUE: Final = 4096
LONGEST_FIELDS: Final = 32_768
_LONGEST_NAME: Final = 128
_AHEAD: Final = 86_400_000_000
"""A line from further in the future than a day has a clock that is wrong: it counts as written when it was read."""

_OWN: Final = frozenset({"event", "level", "timestamp", "component"})
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LEVEL: Final = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_BAD_START: Final = ("Traceback (most recent call last)", "Fatal Python error", "Segmentation fault")
_RANK: Final = {**RANKS, "warn": RANKS["warning"], "exception": RANKS["error"], "fatal": RANKS["critical"]}


def read_line(raw: bytes, *, part: str, node: str, at: int, now: int) -> Entry | None:
    """The line as it is stored; None for an empty one.

    Args:
        raw: without its newline.
        part: whose file it stands in.
        node: the machine that wrote it.
        at: when it was written as far as that is known, for lines that do not say so; microseconds since 1970.
        now: the present, in the same unit.
    """
    said = _object(raw)
    if said is None:
        return _plain(raw, part=part, node=node, at=at)
    fields = masked({key: value for key, value in said.items() if key not in _OWN})
    about = fields.get("node")
    return Entry(
        at=_when(said.get("timestamp"), at, now=now),
        level=_RANK.get(str(said.get("level", "")).lower(), RANKS["info"]),
        part=part,
        node=about[:_LONGEST_NAME] if isinstance(about, str) and about else node,
        text=_clean(masked_text(str(said["event"]))),
        fields=_packed(fields),
    )


def _object(raw: bytes) -> dict[str, Any] | None:
    if not raw.startswith(b"{"):
        return None
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) and "event" in said else None


def _plain(raw: bytes, *, part: str, node: str, at: int) -> Entry | None:
    text = _clean(masked_text(_ESCAPES.sub("", raw.decode("utf-8", errors="replace"))))
    if not text.strip():
        return None
    found = _LEVEL.search(text, 0, 120)
    level = RANKS[found[1].lower()] if found else RANKS["error" if text.startswith(_BAD_START) else "info"]
    return Entry(at, level, part, node, text, "{}")


def _when(stamp: object, at: int, *, now: int) -> int:
    """``stamp`` (ISO 8601) in microseconds; ``at`` where it says nothing, or a time that is still to come."""
    if not isinstance(stamp, str):
        return at
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return at
    seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    told = int(seconds * 1e6)
    return told if 0 <= told <= now + _AHEAD else at


def _clean(text: str) -> str:
    text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").strip("\r\n")
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"


def _packed(fields: dict[str, Any]) -> str:
    text = orjson.dumps(fields).decode()
    if len(text) > LONGEST_VALUE:
        text = orjson.dumps(_shortened(fields)).decode()
    if len(text) > LONGEST_FIELDS:
        text = orjson.dumps({"cut": f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"}).decode()
    return text.replace("\\u0000", "\N{REPLACEMENT CHARACTER}")


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value]
    return value
