"""What it costs that a node loads a model: the load, the wait until it can begin, what others lose by it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cluster_ai.gateway.nodes.demand import Demand
from cluster_ai.gateway.nodes.lane import Lane
from cluster_ai.gateway.nodes.memory import Memory
from cluster_ai.gateway.routing import key_of
from cluster_ai.gateway.types import ModelView


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one load, all of them 0 for a model in memory."""

    load: float = 0.0
    blocked: float = 0.0
    """Until it can begin: other loads come first, and answers of what is to leave end before it does."""
    evict: float = 0.0
    """What calls to come for the models that leave wait longer, all together."""
    swap: float = 0.0
    """Until it may begin: what has just been loaded stays for a while."""


NO_COST: Final = Cost()


@dataclass(frozen=True, slots=True)
class Foreseen:
    """``there``: names and bytes. ``left``: names that leave on the way, even if they come back."""

    there: dict[str, int]
    loads: list[str]
    """Keys, in their order."""
    left: set[str]


@dataclass(frozen=True, slots=True)
class Stock:
    """The models that a node holds and is about to hold, with its calls for them."""

    memory: Memory
    node: str
    models: Mapping[str, ModelView]
    """By key."""
    lanes: Mapping[str, Lane]
    """By the same."""
    demand: Demand

    def cost(self, key: str, now: float) -> Cost:
        """Of loading that one of its models."""
        mine, model = self.lanes[key], self.models[key]
        if mine.load:
            return Cost(load=mine.learned.load_seconds)
        ahead = self.foreseen()
        gone = self.memory.victims(model.name, model.size, there=ahead.there, in_use=self._in_use())
        return Cost(
            mine.learned.load_seconds,
            self._others_first(ahead, now) + self._until_free({*gone, *ahead.left}, now),
            sum(self._loss(key_of(name), now) for name in gone),
            self.memory.swap_seconds(gone, now),
        )

    def foreseen(self) -> "Foreseen":
        """What its memory will hold when all that is on its way has come."""
        there, loads, left = dict(self.memory.loaded), [], set()
        coming = [(lane.load.since, key) for key, lane in self.lanes.items() if lane.load]
        for _, key in sorted(coming):
            model = self.models[key]
            if model.name in there:
                continue
            gone = self.memory.victims(model.name, model.size, there=there, in_use=self._in_use())
            left.update(gone)
            loads.append(key)
            there = {name: size for name, size in there.items() if name not in gone} | {model.name: model.size}
        return Foreseen(there, loads, left)

    def _in_use(self) -> set[str]:
        return {self.models[key].name for key, lane in self.lanes.items() if lane.inflight or lane.elsewhere}

    def _others_first(self, ahead: "Foreseen", now: float) -> float:
        lanes = (self.lanes[key] for key in ahead.loads)
        return sum(max(0.0, lane.learned.load_seconds - (now - lane.load.since)) for lane in lanes if lane.load)

    def _until_free(self, names: set[str], now: float) -> float:
        lanes = (lane for key, lane in self.lanes.items() if self.models[key].name in names)
        return max((lane.free_seconds(1, now) for lane in lanes), default=0.0)

    def _loss(self, key: str, now: float) -> float:
        """Of the model, and of the conversations that it has read there."""
        lane = self.lanes.get(key)
        reads = lane.learned.reads if lane else None
        again = lane.cache.worth(now) / reads if lane and reads else 0.0
        return again + self.demand.homes.loss(key, self.node, self.demand.soon(key, now))
