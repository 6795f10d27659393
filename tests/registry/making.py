"""A registry on a clock that tests turn."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from cluster_ai.registry.detector import DEFAULT, Rule
from cluster_ai.registry.service import Claim, Means, Registry
from cluster_ai.registry.types import Registration, State

ME = Claim("me")
OTHER = Claim("other")
ADMIN = Claim("admin", over_all=True)


@dataclass
class Time:
    """Two clocks: one never jumps, people's may."""

    now: float = 100.0
    wall: float = 1_000_000.0
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    def means(self) -> Means:
        return Means(lambda: self.now, lambda: self.wall, lambda: f"id-{next(self.ids):012}")


@dataclass
class World:
    time: Time
    registry: Registry

    def add(self, name: str = "n", **more: Any) -> str:
        return self.registry.register(Registration(name=name, **more), ME).id

    def state(self, one: str) -> State:
        return self.registry.get(one).state

    def pass_time(self, seconds: float, step: float = 0.05) -> None:
        """The registry looks at its instances all the while."""
        for _ in range(round(seconds / step)):
            self.time.now += step
            self.registry.reap(self.time.now)


def world(rule: Rule = DEFAULT, **more: Any) -> World:
    time = Time()
    return World(time, Registry(time.means(), rule=rule, **more))
