"""Time as a value that comes in: nothing below the runtime reads a clock on its own."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NewType

Monotonic = NewType("Monotonic", float)
"""Seconds on a clock that never jumps; only differences mean something."""

Clock = Callable[[], float]
"""Answers monotonic seconds."""


def monotonic() -> float:
    """Seconds on the monotonic clock."""
    return time.monotonic()


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.now(UTC)
