"""Time as a value that comes in: nothing below the runtime reads a clock on its own."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NewType

Monotonic = NewType("Monotonic", float)
"""Seconds on a clock that never jumps; only differences mean something."""

Clock = Callable[[], float]
"""Answers monotonic seconds."""

_THROUGH_SLEEP: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def monotonic() -> float:
    """Seconds on the monotonic clock."""
    return time.monotonic()


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.now(UTC)


def through_sleep() -> float:
    """Seconds on a clock that never jumps and goes on while the machine is suspended, where the system has one."""
    return time.clock_gettime(_THROUGH_SLEEP)
