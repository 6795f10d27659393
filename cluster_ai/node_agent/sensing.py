"""Readings in threads of their own, each with a time limit: a sensor that hangs costs itself and nobody else."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)
T = TypeVar("T")

PATIENCE: Final = 1.0
"""Seconds."""
BORNE: Final = (OSError, ValueError, ArithmeticError, LookupError)
"""What a reading may end with. Anything else is a mistake of ours, and comes up."""


class Sensor(Generic[T]):
    """One reading. While it hangs, or fails, it answers ``otherwise``, and says once why.

    One that ``keeps`` answers what it read last instead: what a machine is made of does not change while it is too
    busy to say so.

    A thread that hangs in a driver cannot be ended by anybody: no second one is started beside it, and none holds up
    the end of this process.
    """

    def __init__(
        self, name: str, read: Callable[[], T], *, otherwise: T, seconds: float = PATIENCE, keeps: bool = False
    ) -> None:
        self.name = name
        self.why = ""
        """Why it says nothing; empty while it speaks."""
        self._read = read
        self._otherwise = otherwise
        self._seconds = seconds
        self._keeps = keeps
        self._reading: Future[T] | None = None

    async def ask(self) -> T:
        if self._reading is not None and not self._reading.done():
            return self._otherwise
        self._reading = reading = Future[T]()
        # One that runs cannot be cancelled: who gives up leaves it to its thread.
        reading.set_running_or_notify_cancel()
        threading.Thread(target=_read_into, args=(reading, self._read), name=f"sensor {self.name}", daemon=True).start()
        try:
            async with asyncio.timeout(self._seconds):
                found = await asyncio.wrap_future(reading)
        except TimeoutError:
            return self._silent(f"no answer within {self._seconds:g} s")
        except BORNE as exc:
            return self._silent(str(exc) or type(exc).__name__)
        self.why = ""
        if self._keeps:
            self._otherwise = found
        return found

    def _silent(self, why: str) -> T:
        if why != self.why:
            log.warning("a sensor says nothing", sensor=self.name, reason=why)
        self.why = why
        return self._otherwise


def _read_into(reading: Future[T], read: Callable[[], T]) -> None:
    try:
        found = read()
    except BaseException as exc:  # noqa: BLE001 - told to whoever waits for the reading
        reading.set_exception(exc)
    else:
        reading.set_result(found)
