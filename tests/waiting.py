"""Waiting for what happens in other processes: a deadline, never a guess."""

import contextlib
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
BUSY: Final = 4
"""A machine that does much else may take so many times as long; only what never happens waits for it."""


def until(
    check: Callable[[], T | None],
    *,
    seconds: float = 10.0,
    what: str = "it happens",
    bears: tuple[type[Exception], ...] = (),
) -> T:
    """The first answer of ``check`` that is true; an error of the kinds it ``bears`` is no answer yet.

    ``seconds`` are those of a machine that has nothing else to do.

    Raises:
        AssertionError: there was none in time.
    """
    deadline = time.monotonic() + BUSY * seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(*bears):
            if found := check():
                return found
        time.sleep(0.02)
    raise AssertionError(f"not within {BUSY * seconds} s: {what}")
