"""Waiting for what happens in other processes: a deadline, never a guess."""

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(
    check: Callable[[], T | None],
    *,
    seconds: float = 10.0,
    what: str = "it happens",
    bears: tuple[type[Exception], ...] = (),
) -> T:
    """The first answer of ``check`` that is true; an error of the kinds it ``bears`` is no answer yet.

    Raises:
        AssertionError: there was none in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(*bears):
            if found := check():
                return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")
