"""How much fits into a node's memory, learned from what it throws out; and when it may throw out again. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

SWAP_SECONDS: Final = 8.0
"""A model that was loaded stays so long before another may take its place: two that alternate would only load."""
CLASHES_TO_KNOW: Final = 2
HOPED: Final = 0.1
"""Of what lies between what has fitted and what has not, so much is taken to fit."""
LATELY_SECONDS: Final = 240.0
"""What was used in this time does not leave by itself: engines keep models for five minutes."""


@dataclass(slots=True)
class Memory:
    """Of one node. Sizes in bytes, as its lists give them; times monotonic.

    Between ``most`` and ``too_much`` nothing is known; little of it is taken to fit.
    """

    loaded: dict[str, int] = field(default_factory=dict)
    most: int = 0
    """The most that was in memory at once."""
    too_much: int | None = None
    """The least for which something had to leave."""
    _clashes: int = 0
    _since: dict[str, float] = field(default_factory=dict)
    _used: dict[str, float] = field(default_factory=dict)

    def uses(self, name: str, now: float) -> None:
        """A call for that model goes there."""
        self._used[name] = now

    def seen(self, loaded: Mapping[str, int], now: float, *, arriving: Mapping[str, int] | None = None) -> None:
        """What a probe found in memory. ``arriving``: what we have it load at this moment."""
        new = {name: size for name, size in {**loaded, **(arriving or {})}.items() if name not in self.loaded}
        left = self.loaded.keys() - loaded.keys()
        if new and left:
            self._clash({**loaded, **new}, left, now)
        self.most = max(self.most, sum(loaded.values()))
        if self.too_much is not None and self.most >= self.too_much:
            self.too_much, self._clashes = None, 0
        for name in loaded.keys() - self.loaded.keys():
            self._since[name] = now
        for name in left:
            self._since.pop(name, None)
        self.loaded = dict(loaded)

    def _clash(self, there: Mapping[str, int], left: set[str], now: float) -> None:
        """Something left while something else came. Once may be chance: its time was over."""
        # The last one that left would have stayed if it had fitted, and is no larger than the largest of them.
        wanted = sum(there.values()) + max(self.loaded[name] for name in left)
        self._clashes += 1
        in_use = any(now - self._used.get(name, -LATELY_SECONDS) < LATELY_SECONDS for name in left)
        if in_use or self._clashes >= CLASHES_TO_KNOW:
            self.too_much = min(wanted, self.too_much or wanted)

    def victims(
        self, name: str, size: int, *, there: Mapping[str, int] | None = None, in_use: Collection[str] = ()
    ) -> list[str]:
        """What loading it will throw out, as far as is known.

        Args:
            name: the model.
            size: its bytes.
            there: what will be in memory before; what is now, if nothing else is on its way.
            in_use: what answers now; it leaves last. Of the others that which was used longest ago goes first.
        """
        there = self.loaded if there is None else there
        missing = sum(there.values()) + size
        if self.too_much is None or name in there:
            return []
        room = self.most + HOPED * (self.too_much - self.most)
        gone = []
        for other in sorted(there, key=lambda each: (each in in_use, self._last(each), each)):
            if missing <= room:
                break
            gone.append(other)
            missing -= there[other]
        return gone

    def _last(self, name: str) -> float:
        return max(self._used.get(name, 0.0), self._since.get(name, 0.0))

    def swap_seconds(self, gone: Collection[str], now: float) -> float:
        """Until these may be thrown out: what has come just now, or is only coming, stays for a while."""
        since = max((self._since.get(name, now) for name in gone), default=now - SWAP_SECONDS)
        return max(0.0, SWAP_SECONDS - (now - since))
