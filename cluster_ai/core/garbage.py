"""The collector of cycles, kept away from what lives as long as its process."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SETTLED_SECONDS: Final = 8.0
"""So long after its start a process has imported what it needs."""
_RARE: Final = (2_000, 5, 200)


@contextmanager
def kept() -> Iterator[None]:
    """What is made in the block is never looked at, neither in it nor by any later collection.

    For imports: they make hundreds of thousands of objects that stay, and to search them for garbage again and again
    takes a fifth of their time. Cycles that the block drops are never freed.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def rarely_searched() -> Iterator[None]:
    """For a process that serves many at once, on its loop: what a burst of them brings is not searched while they wait.

    Everything is searched after two million new objects, not after seventy thousand: with some hundred answers going
    on that holds up all of them for as long as it takes to write many tokens. Most garbage is in no cycle, and freed
    without any search. What is there soon after the start is never searched: it stays, and most of it was imported.
    """
    usual = gc.get_threshold()
    gc.set_threshold(*_RARE)
    settled = asyncio.get_running_loop().call_later(SETTLED_SECONDS, gc.freeze)
    try:
        yield
    finally:
        settled.cancel()
        gc.set_threshold(*usual)
