"""A node, and what was measured of it. In memory; probes and traffic fill it."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.nodes.demand import Demand, Home
from cluster_ai.gateway.nodes.lane import Lane, Learned, Pace, new_lane
from cluster_ai.gateway.nodes.memory import Memory
from cluster_ai.gateway.nodes.picture import Orders, Picture
from cluster_ai.gateway.nodes.swapping import NO_COST, Cost, Stock
from cluster_ai.gateway.routing import LATEST, Candidate, key_of
from cluster_ai.gateway.types import (
    BreakerState,
    GatewaySettings,
    ModelView,
    UpstreamKind,
    UpstreamState,
    UpstreamView,
)

PROBES_TO_DOWN: Final = 2
"""Probes in a row that fail before a node counts as down."""
PROBES_TO_GIVE_UP: Final = 2
"""The same, before calls that wait for bytes of it are taken elsewhere: nobody is to wait for a dead one for 5 s."""
HEARD_SECONDS: Final = 2.0
"""A node whose answers came so lately is not taken for dead because its probes fail."""
HABIT: Final = 2.5
"""A node that has come back more often will soon be gone again; a time that is ``HABIT_SECONDS`` ago counts half."""
HABIT_SECONDS: Final = 60.0
_WORST: Final = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)


@dataclass(slots=True)
class Upstream:
    """One node. Seconds are monotonic."""

    name: str
    url: str
    kind: UpstreamKind
    settings: GatewaySettings
    orders: Orders = field(default_factory=Orders)
    state: UpstreamState = UpstreamState.UNKNOWN
    picture: Picture = field(default_factory=lambda: Picture("", ()))
    memory: Memory = field(default_factory=Memory)
    pace: Pace = field(default_factory=Pace)
    demand: Demand = field(default_factory=Demand)
    """The cluster's."""
    lanes: dict[str, Lane] = field(default_factory=dict)
    inflight: int = 0
    elsewhere: int = 0
    """Calls that other gateways have there."""
    served: int = 0
    failed: int = 0
    seen_at: float | None = None
    back_at: float = float("-inf")
    """When a probe last found it well after others had not."""
    returns: float = 0.0
    """How often it came back lately."""
    error: str = ""
    missed: int = 0
    heard_at: float = float("-inf")
    """When a call last got bytes of it, and none has failed since. By the loop's time, as ``missed_at``."""
    missed_at: float = float("inf")
    """When a probe failed; after one that did not, never."""
    waits: set[Callable[[float], None]] = field(default_factory=set)
    """Of calls that are there: what ends their waiting for bytes, given a moment by the loop's time."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a probe should not wait for its turn."""

    @property
    def is_up(self) -> bool:
        """Healthy, or suspect for a moment because a call failed there; not for ever, as no probe finds it well."""
        lately = self.seen_at is not None and self.missed < PROBES_TO_DOWN
        return self.state is UpstreamState.HEALTHY or (self.state is UpstreamState.SUSPECT and lately)

    def lane(self, model: ModelView) -> Lane:
        key = key_of(model.name)
        if (found := self.lanes.get(key)) is None:
            found = self.lanes[key] = new_lane(
                self.settings, model, slots=self.orders.slots, pace=self.pace, others=self.lanes.values()
            )
        if model.slots and self.orders.slots is None:
            found.capacity.declared = model.slots
        return found

    def seen(self, picture: Picture, now: float) -> None:
        if self.picture.models is not picture.models:
            self._forget_what_left(picture)
        if self.missed:
            # It was away and is back: what calls met there before says nothing about it now, unless that is its habit.
            self.returns = 1.0 + self.returns * 0.5 ** ((now - self.back_at) / HABIT_SECONDS)
            self.back_at = now
            for lane in self.lanes.values():
                lane.is_back(now, is_habit=self.returns > HABIT)
        self._remember({model.name: model.size for model in picture.models if model.loaded}, picture, now)
        self.picture, self.seen_at = picture, now
        self.state, self.missed, self.missed_at, self.error = UpstreamState.HEALTHY, 0, float("inf"), ""
        self.demand.homes.tell(self.name, self._homes())
        if places := [lane.capacity.learned for lane in self.lanes.values() if lane.capacity.is_set]:
            for lane in self.lanes.values():
                lane.capacity.suppose(max(places))

    def _homes(self) -> dict[str, Home]:
        """Of the models that somebody asks for."""
        return {key: self._home(key, view) for key in self.demand if (view := self.picture.by_name.get(key))}

    def _home(self, key: str, model: ModelView) -> Home:
        lane = self.lanes.get(key)
        learned = lane.learned if lane else Learned(self.pace, model.size)
        resident = model.loaded or (lane is not None and lane.load is not None)
        return Home(resident, learned.usual_call, learned.load_seconds)

    def _remember(self, loaded: dict[str, int], picture: Picture, now: float) -> None:
        arriving = {
            model.name: model.size
            for model in picture.models
            if not model.loaded and (lane := self.lanes.get(key_of(model.name))) and lane.load
        }
        self.memory.seen(loaded, now, arriving=arriving)

    def _forget_what_left(self, picture: Picture) -> None:
        known = {key_of(model.name): model for model in picture.models}
        for key, lane in list(self.lanes.items()):
            model = known.get(key)
            if model is None and not lane.inflight:
                del self.lanes[key]
            elif model is not None and not model.loaded:
                lane.cache.clear()

    def loaded(self, model: ModelView, num_ctx: int | None) -> None:
        """A model has just been loaded; the next probe tells more."""
        now_loaded = model.model_copy(update={"loaded": True, "context_length": num_ctx or 0})
        models = tuple(now_loaded if row.name == model.name else row for row in self.picture.models)
        self.picture = replace(self.picture, models=models)
        self.wake.set()

    def missed_probe(self, reason: str, *, speaks: bool = False) -> None:
        """A probe failed. ``speaks``: something answered it, if not as it should: that is not dead, whatever it is."""
        now = asyncio.get_running_loop().time()
        was_heard = self.heard_at > min(self.missed_at, now - HEARD_SECONDS)
        self.missed_at, self.error = now, reason
        if was_heard:
            # What calls show is believed, not what probes say: else a node that works is dropped, or flaps.
            self.missed = 0
            return
        self.missed += 1
        self.state = UpstreamState.DOWN if self.missed >= PROBES_TO_DOWN and not speaks else UpstreamState.SUSPECT
        if self.state is UpstreamState.DOWN:
            self.demand.homes.tell(self.name, {})
        if self.missed >= PROBES_TO_GIVE_UP and not speaks:
            for end_at in self.waits:
                end_at(now)

    def why_silent(self, otherwise: str) -> str:
        """Why a call waits no more for bytes of it: ``otherwise``, unless failing probes have ended that."""
        is_gone = self.state is UpstreamState.DOWN and self.missed >= PROBES_TO_GIVE_UP
        return "answers nothing any more, nor any probe" if is_gone else otherwise

    def heard(self) -> None:
        """A call got bytes of it."""
        self.heard_at = asyncio.get_running_loop().time()

    def suspect(self, reason: str) -> None:
        """A request failed: nobody else should run into it before a probe has looked."""
        self.failed += 1
        self.error, self.heard_at = reason, float("-inf")
        if self.state is UpstreamState.HEALTHY:
            self.state = UpstreamState.SUSPECT
        self.wake.set()

    def model(self, name: str) -> ModelView | None:
        """Its model of that name; case does not matter, as at Ollama."""
        models, wanted = self.picture.by_name, key_of(name)
        if found := models.get(wanted):
            return found
        # Our own node knows its built-in models without their tag, too: `smollm2` is `smollm2:135m`.
        if self.kind is not UpstreamKind.EMBEDDED or not wanted.endswith(LATEST):
            return None
        base = wanted.removesuffix(LATEST) + ":"
        return next((model for key, model in models.items() if key.startswith(base)), None)

    def is_resident(self, model: ModelView, call: Call) -> bool:
        """In memory, and with a context that is long enough: a longer one would have to be loaded anew."""
        return model.loaded and (not call.num_ctx or not model.context_length or call.num_ctx <= model.context_length)

    def is_full(self, model: ModelView, now: float) -> bool:
        """It takes no more calls for the model now."""
        lane = self.lane(model)
        slots = lane.capacity.limit(now)
        return lane.taken(slots) >= slots or lane.is_tried(now) or lane.busy_seconds(now) > 0

    def candidate(self, model: ModelView, call: Call, now: float) -> Candidate:
        lane = self.lane(model)
        learned, slots = lane.learned, lane.capacity.limit(now)
        resident = self.is_resident(model, call) and not self._is_leaving(model)
        cost = NO_COST if resident else self._cost_of_load(model, now)
        return Candidate(
            self.name, self.state, lane.breaker.state(now),
            resident=resident,
            loading=None if lane.load is None or resident else now - lane.load.since,
            slots=slots,
            inflight=lane.taken(slots),
            busy=self.inflight + self.elsewhere - lane.inflight - lane.elsewhere,
            cached_tokens=lane.cache.cached_tokens(call.chain) if resident else 0,
            load_seconds=cost.load, blocked_seconds=cost.blocked, evict_seconds=cost.evict, swap_seconds=cost.swap,
            forgotten_tokens=lane.cache.forgets(call.chain, room=slots, now=now) if resident else 0.0,
            same_chat=resident and lane.cache.had(call.sender.affinity),
            proven=slots if lane.capacity.declared else lane.capacity.proven,
            prefill=learned.reads, decode=learned.writes, hold_seconds=learned.hold.mean,
            free_seconds=lane.free_seconds(slots, now),
            latency=learned.ttft.mean,
            trouble=learned.trouble(now),
            busy_seconds=lane.busy_seconds(now),
            tried=lane.is_tried(now),
            priority=self.orders.priority,
        )  # fmt: skip

    def _cost_of_load(self, model: ModelView, now: float) -> Cost:
        return self._stock().cost(key_of(model.name), now)

    def _is_leaving(self, model: ModelView) -> bool:
        """In memory still, but a load that waits there will throw it out: a call would come behind that load."""
        if not any(lane.load for lane in self.lanes.values()):
            return False
        return model.name in self._stock().foreseen().left

    def _stock(self) -> Stock:
        models = {key: view for key in self.lanes if (view := self.picture.by_name.get(key))}
        lanes = {key: self.lanes[key] for key in models}
        return Stock(self.memory, self.name, models, lanes, self.demand)

    def takes(self, pins: frozenset[str]) -> bool:
        """Whether it is given new calls, and those that ask for nodes of these names or labels."""
        return not self.orders.drain and (not pins or self.is_meant_by(pins))

    def is_meant_by(self, pins: frozenset[str]) -> bool:
        """Whether one of ``pins`` is its name or one of its labels."""
        return self.name in pins or bool(pins & self.orders.labels)

    def breaker(self, now: float) -> BreakerState:
        """The worst of its models'."""
        states = {lane.breaker.state(now) for lane in self.lanes.values()}
        return next((state for state in _WORST if state in states), BreakerState.CLOSED)

    def view(self, now: float) -> UpstreamView:
        lanes = self.lanes.values()
        return UpstreamView(
            name=self.name,
            url=self.url,
            kind=self.kind,
            state=self.state,
            breaker=self.breaker(now),
            version=self.picture.version,
            inflight=self.inflight,
            served=self.served,
            failed=self.failed,
            ttft_seconds=_mean(lane.learned.ttft.mean for lane in lanes),
            tokens_per_second=_mean(lane.learned.decode.mean for lane in lanes),
            last_seen_seconds=None if self.seen_at is None else max(0.0, now - self.seen_at),
            last_error=self.error,
            draining=self.orders.drain,
            models=self.picture.models,
        )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
