"""The records of a streamed answer, whole ones only: lines of JSON, or server-sent events. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from cluster_ai.core.values import value
from cluster_ai.gateway.dialects.paths import LAST_EVENTS, Dialect

LONGEST: Final = 16 * 1024 * 1024
"""Bytes. Ollama's last record of ``/api/generate`` carries the whole context as numbers."""
_EVENT_END: Final = re.compile(rb"\n\r?\n")
"""What may stand before it belongs to the event: a pattern that begins with one byte is searched for much faster."""
_DONE: Final = b"[DONE]"
_TIMES: Final = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
"""What Ollama tells at the end, in nanoseconds: what the parts leave of the whole was waiting."""
_NS: Final = 1e9
_JSON: Final = "application/json"


class Malformed(Exception):
    """The node sent something that is no record of this dialect. ``before``: good records of the same chunk."""

    def __init__(self, reason: str, before: "list[Record]") -> None:
        super().__init__(reason)
        self.reason = reason
        self.before = before


@value
class Record:
    """``raw``: its bytes with their end. ``data``: None for ``[DONE]`` and comments."""

    raw: bytes
    data: dict[str, Any] | None
    is_last: bool = False

    @property
    def error(self) -> str:
        """What the node itself says went wrong; empty when nothing did."""
        found = self.data.get("error") if self.data else None
        if isinstance(found, dict):
            return str(found.get("message") or "error")
        return str(found) if found else ""

    @property
    def seconds_inside(self) -> float | None:
        """Of a last record: how long the call waited inside the node for its turn; None where it does not say."""
        said = self.data or {}
        whole, *parts = (_number(said.get(name)) for name in _TIMES)
        return max(0.0, (whole - sum(parts)) / _NS) if whole and parts[-1] else None


@dataclass(slots=True)
class Records:
    """Cuts a stream into records, however it was cut on its way. The last record is the last of its list."""

    dialect: Dialect
    _rest: bytes = b""

    def feed(self, chunk: bytes) -> list[Record]:
        """The records that ``chunk`` completes.

        Raises:
            Malformed: one of them cannot be read.
        """
        whole, self._rest = self._cut(self._rest + chunk if self._rest else chunk)
        if len(self._rest) > LONGEST:
            raise Malformed("a record has no end", [])
        return self._read(whole)

    def end(self) -> list[Record]:
        """What is left when the stream has ended: a last record without its line's end, or nothing.

        Raises:
            Malformed: it is not a whole record.
        """
        rest, self._rest = self._rest, b""
        return self._read([rest]) if rest.strip() else []

    def _cut(self, data: bytes) -> tuple[list[bytes], bytes]:
        if self.dialect is Dialect.OLLAMA:
            *lines, rest = data.split(b"\n")
            return [line + b"\n" for line in lines if line.strip()], rest
        whole, start = [], 0
        for end in _EVENT_END.finditer(data):
            whole.append(data[start : end.end()])
            start = end.end()
        return whole, data[start:]

    def _read(self, pieces: list[bytes]) -> list[Record]:
        read = _line if self.dialect is Dialect.OLLAMA else _event
        found: list[Record] = []
        for piece in pieces:
            try:
                found.append(read(piece))
            except ValueError as exc:
                raise Malformed(f"it sent what is no record: {piece[:80]!r}", found) from exc
            if found[-1].is_last:
                # What comes behind the end is nobody's: an end sent twice must not look like two answers.
                break
        return found


def is_one_piece(dialect: Dialect, headers: Mapping[str, str]) -> bool:
    """Some requests are answered in one piece though a stream was asked for: those without anything to say."""
    return dialect is not Dialect.OLLAMA and headers.get("content-type", "").startswith(_JSON)


def _line(raw: bytes) -> Record:
    data = orjson.loads(raw)
    if not isinstance(data, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the wire, not of a type
    return Record(raw, data, is_last=data.get("done") is True)


def _event(raw: bytes) -> Record:
    data = _data_in(raw)
    if not data:
        return Record(raw, None)
    if data == _DONE:
        return Record(raw, None, is_last=True)
    found = orjson.loads(data)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the wire, not of a type
    return Record(raw, found, is_last=found.get("type") in LAST_EVENTS)


def _data_in(raw: bytes) -> bytes:
    data = b""
    for line in raw.splitlines():
        if line.startswith(b"data:"):
            data += line[5:].strip()
        elif line and line.strip() and not line.startswith((b":", b"event:", b"id:", b"retry:")):
            raise ValueError("no event")
    return data


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0
