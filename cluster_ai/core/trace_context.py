"""The caller's trace goes on through us: W3C Trace Context (level 1), read and written. Pure."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

_SHAPE: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_LONGEST: Final = 128
_SAMPLED: Final = 1
_MEMBER: Final = re.compile(
    r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]", re.ASCII
)
_MOST_MEMBERS: Final = 32

Draw = Callable[[int], bytes]
"""Answers so many random bytes."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One place in one trace. Neither id is zero."""

    trace: int
    """128 bits."""
    span: int
    """64 bits."""
    flags: int

    @property
    def sampled(self) -> bool:
        """Whether the caller records this trace."""
        return bool(self.flags & _SAMPLED)

    def __str__(self) -> str:
        return f"00-{self.trace:032x}-{self.span:016x}-{self.flags & _SAMPLED:02x}"


def read_context(traceparent: str) -> TraceContext | None:
    """What a ``traceparent`` header says; None for one that says nothing, or not in the way of the standard.

    Later versions may add fields behind the four that are known.
    """
    found = _SHAPE.fullmatch(traceparent) if len(traceparent) <= _LONGEST else None
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more):
        return None
    context = TraceContext(int(trace, 16), int(span, 16), int(flags, 16))
    return context if context.trace and context.span else None


def child_context(traceparent: str, *, begin: bool = False, draw: Draw = os.urandom) -> str:
    """The ``traceparent`` that a node is given: the same trace, and a new span, which is this call's.

    Args:
        traceparent: as it came; empty when the caller sent none.
        begin: start a trace for a caller who has none. Without it the answer is then empty, and no header is sent.
        draw: where ids come from.
    """
    context = read_context(traceparent)
    if context is None:
        if not begin:
            return ""
        context = TraceContext(_new(16, draw), 0, _SAMPLED)
    return str(TraceContext(context.trace, _new(8, draw), context.flags))


def passed_state(rows: Iterable[str]) -> str:
    """The ``tracestate`` that a node is given with the caller's trace: as it came, in one row.

    Args:
        rows: each ``tracestate`` header, in their order. Where one of their entries is none, or there are more than
            the standard allows, nothing is passed on: the answer is empty.
    """
    members = [member for row in rows for written in row.split(",") if (member := written.strip(" \t"))]
    if len(members) > _MOST_MEMBERS or not all(map(_MEMBER.fullmatch, members)):
        return ""
    return ",".join(members)


def _new(size: int, draw: Draw) -> int:
    # Zero is no id; it comes once in 2^64 draws.
    return int.from_bytes(draw(size)) or 1
