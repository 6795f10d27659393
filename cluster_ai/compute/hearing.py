"""How long somebody has been silent, by a clock that stands still while this process could not have heard them.

A loop that is held up (an overloaded box, a swap storm, a machine that was asleep) hears nobody. When it goes on,
everybody looks silent; but it was the listener that was away.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class Hearing:
    """A clock of the seconds in which the loop ran. Somebody calls ``beat`` again and again, ``pulse`` apart.

    Args:
        pulse: seconds between two beats as they are meant to be.
    """

    def __init__(self, pulse: float) -> None:
        self._pulse = pulse
        self.seconds = 0.0

    async def beat(self) -> None:
        """Counts as one pulse, however long ago the last one was: what is more was lag."""
        self.seconds += self._pulse

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` answers.

        Raises:
            TimeoutError: it did not in ``seconds`` of this clock; it is cancelled.
        """
        task = asyncio.create_task(work)
        end = self.seconds + seconds
        try:
            while not task.done() and self.seconds < end:
                await asyncio.wait([task], timeout=self._pulse)
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Silences:
    """Since when each of some peers has said nothing. Pure; the clock comes in."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[float, float]] = {}
        """By peer: the stamp of its last word, and when that was first seen here."""

    def longer_than(self, limit: float, last_seen: Mapping[str, float], now: float) -> list[str]:
        """Peers without a word for longer than ``limit`` seconds.

        Args:
            limit: seconds.
            last_seen: a stamp of each peer's last word. Only whether it changes counts: clocks of machines are set.
            now: of a clock that counts time in which words could be heard, seconds.
        """
        before, self._since = self._since, {}
        for peer, stamp in last_seen.items():
            known, since = before.get(peer, (stamp, now))
            self._since[peer] = (stamp, since if known == stamp else now)
        return [peer for peer, (_, since) in self._since.items() if now - since > limit]

    def of(self, peer: str, now: float) -> float:
        """Seconds of that clock since the peer's last word; 0 for one that nobody looked at."""
        return now - self._since.get(peer, (0.0, now))[1]
