"""How many answers a node writes side by side, learned from what it does: no engine says how many. Pure.

A node takes more requests than it works on and lets the rest wait inside, unseen. Two things give that away. When an
answer begins soon although others run, so many run side by side. When one begins only after another has ended, the
node had no place for it. The limit grows by one with each proof of the first kind while it is in use, which doubles it
every round as long as nothing waits; two in a row of the second kind set it, until it is tried again later.

Some engines say at the end of an answer how long each part of it took. What is missing from the whole was waiting:
where a node has shown that it says so, that is believed, and the clock is not.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

FIRST_LIMIT: Final = 2
"""Before anything is known."""
LARGEST_LIMIT: Final = 1024
SLACK_SECONDS: Final = 0.25
"""A first byte may come so much later than expected without telling anything."""
SLACK_FACTOR: Final = 1.5
PROOFS_TO_SET: Final = 2
RETRY_SECONDS: Final = 60.0
"""After so long a set limit is tried by one more; doubled each time it proves right."""
LONGEST_RETRY: Final = 3600.0


@dataclass(slots=True)
class _Moment:
    """How many calls had a place at some time, as far as is known: one that waits may be read, or stand in line."""

    placed: int


@dataclass(slots=True, eq=False)
class Waiting:
    """A call at the node whose first byte has not come."""

    since: float
    beside: int
    """Calls there when it came, itself included."""
    ended_before: int
    """Answers that had ended at that moment."""
    full: int = 0
    """Most answers side by side while it waited: all that there is room for, where the node makes it wait."""
    running: int = 0
    """Answers side by side when its first byte came, itself included."""
    moments: list[_Moment] = field(default_factory=list)
    """In which others ran while it waited. That it had a place itself shows later."""
    behind_others: bool = False
    """Others had ended meanwhile, and there were more calls than places used."""


@dataclass(slots=True)
class Capacity:
    """Of one model on one node. ``declared``: the limit as configured; then nothing is learned."""

    declared: int | None = None
    learned: int = FIRST_LIMIT
    active: int = 0
    """Answers being written now."""
    is_set: bool = False
    proven: int = 1
    """Side by side as was seen."""
    speaks: bool = False
    """The node has told of a wait inside it."""
    _had: int = 1
    """Side by side as was seen before it failed."""
    _ended: int = 0
    _waiting: set[Waiting] = field(default_factory=set)
    _proofs: int = 0
    _try_again_at: float = 0.0
    _retry_seconds: float = RETRY_SECONDS

    def limit(self, now: float) -> int:
        if self.declared is not None:
            return self.declared
        if self.is_set and now >= self._try_again_at:
            return self.learned + 1
        return self.learned

    def suppose(self, limit: int) -> None:
        """The node's other models have so many places: most engines have as many for each."""
        if self.declared is None and not self.is_set:
            self.learned = max(self.proven, limit)

    def sent(self, now: float) -> Waiting:
        """A call goes out to the node. It is ``begun`` or ``lost``."""
        waiting = Waiting(now, self.active + len(self._waiting) + 1, self._ended, full=self.active)
        self._waiting.add(waiting)
        return waiting

    def lost(self, waiting: Waiting) -> None:
        """It gets no answer."""
        self._waiting.discard(waiting)

    def begun(self, waiting: Waiting, *, expected: float, now: float) -> bool:
        """A first byte came. ``expected``: seconds that it should have taken with a slot free.

        Answers whether it came at once; otherwise it tells how long others took, not how long this one did.
        """
        self._waiting.discard(waiting)
        self.active += 1
        self._show(self._waiting)
        at_once = now - waiting.since <= SLACK_FACTOR * expected + SLACK_SECONDS
        waiting.running = self.active
        waiting.behind_others = self._ended > waiting.ended_before and waiting.beside > self.active
        if not self.speaks:
            self._judge(waiting, waited=not at_once, now=now)
        return at_once or waiting.beside == 1

    def told(self, waiting: Waiting, inside: float, *, now: float) -> None:
        """The answer is whole, and the node says that the call had waited so many seconds inside it."""
        waited = inside > SLACK_SECONDS
        if waited and waiting.behind_others:
            self.speaks = True
        if self.speaks:
            self._judge(waiting, waited=waited, now=now)

    def _show(self, others: Collection[Waiting]) -> None:
        """Lets those who wait see how many run now."""
        moment = _Moment(self.active)
        for other in others:
            other.full = max(other.full, self.active)
            if self.active + len(others) > self.proven:
                other.moments.append(moment)

    @staticmethod
    def _placed(waiting: Waiting) -> int:
        """How many had a place at a time, now that this one is known to have had one, too."""
        moments, waiting.moments = waiting.moments, []
        for moment in moments:
            moment.placed += 1
        return max((moment.placed for moment in moments), default=0)

    def _judge(self, waiting: Waiting, *, waited: bool, now: float) -> None:
        if not waited:
            self._side_by_side(max(waiting.running, self._placed(waiting)))
        elif waiting.behind_others:
            # Several may have ended together: when its own first byte came fewer ran than there is room for.
            self._waited_inside(max(waiting.running, waiting.full), now)

    def over(self) -> None:
        """An answer that had begun has ended."""
        self.active -= 1
        self._ended += 1

    def refused(self, now: float) -> bool:
        """The node has taken no more; whether it has others of ours, which are then as many as it takes."""
        others = self.active + len(self._waiting)
        if others:
            self._set(others, now)
        return others > 0

    def start_slowly(self) -> None:
        """The node is back after failing: it gets little at first."""
        if self.declared is None:
            self._had = max(self._had, self.proven)
            self.learned, self.is_set, self._proofs, self.proven = 1, False, 0, 1

    def _side_by_side(self, count: int) -> None:
        # What it could before it failed it gets back by half, even from single calls: while others have room for all,
        # nobody would ever send it two at a time.
        self.proven = max(self.proven, count, min(self._had, 2 * self.proven))
        self.learned = max(self.learned, min(self._had, self.proven))
        # Only a limit in use says anything about more than it.
        if count < self.learned + self.is_set:
            return
        self.is_set, self._proofs, self._retry_seconds = False, 0, RETRY_SECONDS
        self.learned = min(LARGEST_LIMIT, self.learned + 1)

    def _waited_inside(self, running: int, now: float) -> None:
        self._proofs += 1
        # What was right before, or what the node says itself, needs no second sign.
        if self._proofs < PROOFS_TO_SET and not self.is_set and not self.speaks:
            return
        self._set(max(1, running), now)

    def _set(self, limit: int, now: float) -> None:
        self._proofs = 0
        again = self.is_set and self.learned == limit
        self._retry_seconds = min(LONGEST_RETRY, 2 * self._retry_seconds) if again else RETRY_SECONDS
        self.learned = self.proven = limit
        self._had = 1
        self.is_set = True
        self._try_again_at = now + self._retry_seconds
