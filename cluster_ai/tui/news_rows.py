"""Events and log lines as rows. Pure, but for the time zone of this terminal."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.client import Message, plain
from cluster_ai.logs.types import RANKS, LogLine
from cluster_ai.tui.figures import NONE
from cluster_ai.tui.rows import Cell, Column, Row, Tone, name_cell

EVENT_COLUMNS: Final = (Column("time"), Column("event"), Column("subject"), Column("what"))
LOG_COLUMNS: Final = (Column("time"), Column("level"), Column("part"), Column("text"))
LONGEST: Final = 200
_TONES: Final[Mapping[str, tuple[str, Tone]]] = {
    "debug": ("·", "quiet"),
    "info": ("○", ""),
    "warning": ("◐", "warn"),
    "error": ("✕", "bad"),
    "critical": ("✕", "bad"),
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One event. ``data`` is everything that was said of it."""

    at: float
    kind: str
    subject: str
    what: str
    data: Mapping[str, Any]


def happened(message: Message) -> Happened:
    """Reads both forms: of the cluster (``before``, ``after``) and of plans and tickets (``data``)."""
    data = message.data if isinstance(message.data, dict) else {}
    inner, subject = data.get("data"), data.get("subject", "")
    if isinstance(inner, dict):
        # Names are for people; the id stands in the text below.
        subject = inner.get("task_id") or inner.get("name") or subject
        what = " ".join(f"{name}={value}" for name, value in inner.items() if isinstance(value, str | int | float))
    else:
        what = f"{data.get('before') or NONE} → {data.get('after') or NONE}"
    kind = str(data.get("type") or data.get("kind") or message.topic)
    return Happened(float(data.get("at") or 0.0), kind, str(subject), what, data)


def event_row(event: Happened) -> Row:
    bad = any(word in event.what or word in event.kind for word in ("down", "failed", "dead", "lost"))
    cells = (
        Cell(clock(event.at), event.at, "quiet"),
        name_cell(event.kind),
        name_cell(event.subject),
        Cell(plain(event.what)[:LONGEST], event.what, "bad" if bad else ""),
    )
    return Row("", cells)


def event_text(event: Happened) -> str:
    """Everything that was said of it."""
    said = json.dumps(event.data, ensure_ascii=False)
    return plain(f"{clock(event.at)} {event.kind} {event.subject}: {event.what}") + f"\n{plain(said)}"


def log_row(line: LogLine) -> Row:
    mark, tone = _TONES[line.level]
    cells = (
        Cell(clock(line.at), line.at, "quiet"),
        Cell(f"{mark} {line.level}", -RANKS[line.level], tone),
        name_cell(line.part),
        Cell(plain(line.text)[:LONGEST], line.text),
    )
    return Row("", cells)


def log_text(line: LogLine) -> str:
    """The whole line with its fields."""
    fields = " ".join(f"{name}={value}" for name, value in line.fields.items())
    return plain(f"{clock(line.at)} {line.level} {line.part} {line.node}") + f"\n{plain(line.text)}\n{plain(fields)}"


def clock(at: float) -> str:
    """The time of day in this terminal's zone."""
    return time.strftime("%H:%M:%S", time.localtime(at))
