"""A time at which something happens, cheap enough to be set anew for every request and every chunk of a stream."""

import asyncio
from collections.abc import Callable
from typing import Final

_NEVER: Final = float("inf")


class Alarm:
    """Calls ``ring`` once when its time has come. Times are the running loop's, in seconds.

    Its only timer is not touched when the end moves away or is cleared, only looked at again when it goes off: a timer
    for each time that it is set would cost ten times as much. ``close`` it, or that timer goes off once for nothing.
    """

    __slots__ = ("_at", "_ring", "_timer", "_until")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._until = _NEVER
        self._at = _NEVER
        """When the timer goes off."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        return self._until < _NEVER

    def set(self, seconds: float) -> None:
        """It rings so long from now, and not before."""
        self.set_at(asyncio.get_running_loop().time() + seconds)

    def set_at(self, until: float) -> None:
        """It rings then, and not before."""
        self._until = until
        if until < self._at:
            self._start()

    def clear(self) -> None:
        """It does not ring."""
        self._until = _NEVER

    def close(self) -> None:
        """It is used no more."""
        self._until = self._at = _NEVER
        # Its owner holds it, and this the owner.
        self._ring = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = self._until
        self._timer = asyncio.get_running_loop().call_at(self._until, self._look)

    def _look(self) -> None:
        self._at, self._timer = _NEVER, None
        if self._until <= asyncio.get_running_loop().time():
            self._until = _NEVER
            self._ring()
        elif self.is_set:
            self._start()


def _nothing() -> None:
    """Nobody hears it any more."""
