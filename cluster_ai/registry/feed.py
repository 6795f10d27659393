"""Changes to those who watch: first all that is there, then each change, from memory that never grows.

A watcher who reads too slowly, or who comes back with a cursor that is too old, is told ``reset`` and gets all of it
again: what it holds in between is at most ``bound`` changes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager

from cluster_ai.registry.types import Change, Instance, TooManyWatchers, What

REMEMBERED = 4096
BOUND = 2048
MOST_WATCHERS = 1024
MOMENTS = 8
"""So long all that is there is told as it was: when hundreds come at once, each picture of it takes its memory."""


class Watcher:
    """One who watches. Read it with ``batch()``, or as an iterator of single changes."""

    def __init__(self, feed: "Feed", *, kind: str | None, bound: int) -> None:
        self._feed = feed
        self._kind = kind
        self._bound = bound
        self._waiting: deque[Change] = deque()
        self._wake = asyncio.Event()
        self.begins_anew = True
        """What is read next is everything that is there."""
        self.has_ended = False

    def resume(self, missed: Iterable[Change]) -> None:
        """It knows all but these."""
        self.begins_anew = False
        for change in missed:
            self.offer(change)

    def offer(self, change: Change) -> None:
        if self.begins_anew or not self._wants(change):
            return
        if len(self._waiting) >= self._bound:
            self._waiting.clear()
            self.begins_anew = True
        else:
            self._waiting.append(change)
        self._wake.set()

    def end(self) -> None:
        """Whoever reads it is told no more."""
        self.has_ended = True
        self._wake.set()

    async def batch(self) -> tuple[Change, ...]:
        """All that there is to tell at this moment, waiting for the first; nothing when it has ended."""
        while not self.has_ended:
            if found := self.at_hand():
                return found
            self._wake.clear()
            await self._wake.wait()
        return ()

    def at_hand(self) -> tuple[Change, ...]:
        """As ``batch``, without waiting."""
        if self.begins_anew:
            self.begins_anew = False
            everything = self._feed.everything()
            return everything if self._kind is None else tuple(filter(self._wants, everything))
        found = tuple(self._waiting)
        self._waiting.clear()
        return found

    async def __aiter__(self) -> AsyncIterator[Change]:
        while changes := await self.batch():
            for change in changes:
                yield change

    def _wants(self, change: Change) -> bool:
        return self._kind is None or change.instance is None or change.instance.kind == self._kind


class Feed:
    """The changes of one life of the registry, numbered from 1.

    Args:
        life: names this life: cursors of another one are worth nothing here.
        present: all instances as they are now.
    """

    def __init__(self, *, life: str, present: Callable[[], Iterable[Instance]], remember: int = REMEMBERED) -> None:
        self.number = 0
        self._life = life
        self._present = present
        self._recent: deque[Change] = deque(maxlen=remember)
        self._watchers: set[Watcher] = set()
        self._everything: tuple[Change, ...] | None = None
        self._age = 0

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def tell(self, what: What, instance: Instance) -> None:
        """Never waits and never fails."""
        self.number += 1
        change = self._change(what, instance)
        self._recent.append(change)
        for watcher in self._watchers:
            watcher.offer(change)

    def everything(self) -> tuple[Change, ...]:
        """From ``reset`` to ``ready``. Those who come at the same moment share one: after a restart all of them do."""
        if self._everything is None or self._everything[0].number != self.number:
            rows = (self._change(What.ADDED, instance) for instance in self._present())
            self._everything = (self._change(What.RESET), *rows, self._change(What.READY))
            self._age = 0
        return self._everything

    def age(self) -> None:
        """A moment is over; after some of them who comes is told how things are now."""
        self._age += 1
        if self._age >= MOMENTS:
            self._everything = None

    @contextmanager
    def watch(self, *, after: str, kind: str | None, bound: int = BOUND) -> Iterator[Watcher]:
        """A watcher as long as the block lasts; one that knows all up to the cursor ``after`` is told the rest.

        Raises:
            TooManyWatchers: there are as many as there may be.
        """
        if len(self._watchers) >= MOST_WATCHERS:
            raise TooManyWatchers(f"{MOST_WATCHERS} watch the registry already", retry_after=5.0)
        watcher = Watcher(self, kind=kind, bound=bound)
        missed = self._since(after)
        if missed is not None:
            watcher.resume(missed)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def _since(self, cursor: str) -> tuple[Change, ...] | None:
        """What came after ``cursor``; None when that is not known any more, or was never of this life."""
        life, _, digits = cursor.rpartition(".")
        if life != self._life or not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:  # noqa: PLR2004
            return None
        number = int(digits)
        oldest = self._recent[0].number if self._recent else self.number + 1
        if not oldest - 1 <= number <= self.number:
            return None
        return tuple(change for change in self._recent if change.number > number)

    def _change(self, what: What, instance: Instance | None = None) -> Change:
        # Made of our own values: to check them again would be most of what a change costs.
        return Change.model_construct(
            number=self.number, cursor=f"{self._life}.{self.number}", what=what, instance=instance
        )
