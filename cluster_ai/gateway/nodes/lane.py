"""One model on one node: its breaker, what was learned of it, and the calls that are there now. In memory."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from cluster_ai.gateway.dialects.prefix import Cache, Chain
from cluster_ai.gateway.nodes.breaker import Breaker
from cluster_ai.gateway.nodes.capacity import FIRST_LIMIT, Capacity, Waiting
from cluster_ai.gateway.nodes.learned import Learned, Pace
from cluster_ai.gateway.nodes.reasons import pause_of
from cluster_ai.gateway.types import BreakerState, GatewaySettings, ModelView

__all__ = ["Lane", "Learned", "Load", "Pace", "new_lane"]


@dataclass(slots=True)
class Load:
    """A load of the model that somebody waits for."""

    since: float
    task: asyncio.Task[None]
    waiting: int = 0


@dataclass(slots=True)
class Lane:
    """Seconds are monotonic."""

    breaker: Breaker
    capacity: Capacity
    learned: Learned = field(default_factory=Learned)
    cache: Cache = field(default_factory=Cache)
    inflight: int = 0
    elsewhere: int = 0
    """Calls that other gateways have there."""
    most: int | None = None
    """Places for this gateway while others wait for some, too; None: all of them."""
    load: Load | None = None
    ends: list[float] = field(default_factory=list)
    """When its calls will probably have ended."""
    busy_until: float = 0.0
    """It has said that it has no room; until then nobody asks again."""
    _busy_times: int = 0

    def taken_until(self, end: float) -> None:
        """A call gets a place, probably until then."""
        self.inflight += 1
        self.ends.append(end)

    def left(self, end: float) -> None:
        """That call has ended."""
        self.inflight -= 1
        self.ends.remove(end)

    def free_seconds(self, slots: int, now: float) -> float:
        """Until so many places are not all taken any more; 0 when they are not now."""
        if self.inflight + self.elsewhere < slots:
            return 0.0
        usual = (self.learned.hold.mean or 0.0) / (slots + 1)
        at = len(self.ends) - slots
        # One that is late may go on for long: nobody knows.
        return usual if at < 0 else max(sorted(self.ends)[at] - now, usual / 2)

    def is_busy(self, retry_after: str, now: float) -> None:
        """The node has refused a call for want of room."""
        # Beside others of ours it is full, and soon has a place again; alone, nobody knows for how long it has none.
        is_full = self.capacity.refused(now)
        self._busy_times += not is_full
        self.busy_until = max(self.busy_until, now + pause_of(retry_after, times=0 if is_full else self._busy_times))

    def busy_seconds(self, now: float) -> float:
        """How long it is left alone yet."""
        return max(0.0, self.busy_until - now)

    def is_tried(self, now: float) -> bool:
        """Half open, calls find out whether it is well again; they may have got their places just now."""
        if self.breaker.state(now) is not BreakerState.HALF_OPEN:
            return False
        return self.breaker.is_tried(now) or self.inflight - self.capacity.active >= self.breaker.room

    def taken(self, slots: int) -> int:
        """Places that are taken, for us."""
        shared = self.inflight + self.elsewhere
        return shared if self.most is None or self.inflight < self.most else max(shared, slots)

    def begun(self, waiting: Waiting, chain: Chain, *, now: float, chat: str = "") -> None:
        """Its first byte came. It leaves by ``capacity.over``."""
        unread = max(0, chain.tokens - self.cache.cached_tokens(chain))
        came_at_once = self.capacity.begun(waiting, expected=self.learned.usual_ttft(unread), now=now)
        # A question about a model, or a wish to load it, tells nothing of prompts.
        if came_at_once and chain.links:
            self.learned.began(unread, now - waiting.since)
        self.breaker.begun()
        self.cache.saw(chain, room=self.capacity.limit(now), now=now, chat=chat)

    def is_back(self, now: float, *, is_habit: bool) -> None:
        """A probe found its node well again after others had not."""
        self.breaker.forgive(now)
        if not is_habit:
            self.learned.forgive()

    def failed(self, now: float, *, chance: float) -> None:
        self.breaker.fail(now, chance=chance)
        self.learned.went(well=False, now=now)

    def succeeded(self, now: float) -> None:
        if self.breaker.is_recovering:
            self.capacity.start_slowly()
        self._busy_times = 0
        self.breaker.succeed()
        self.learned.went(well=True, now=now)


def new_lane(
    settings: GatewaySettings, model: ModelView, *, slots: int | None, pace: Pace, others: Collection[Lane] = ()
) -> Lane:
    """Of a model on a node whose ``pace`` is known from its ``others``; most engines have as many places for each."""
    breaker = Breaker(settings.breaker_failures, settings.breaker_seconds)
    known = [lane.capacity.learned for lane in others if lane.capacity.is_set]
    capacity = Capacity(slots, learned=max(known, default=FIRST_LIMIT))
    return Lane(breaker, capacity, Learned(pace, model.size))
