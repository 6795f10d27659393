"""A trace against nodes, call by call, with something that says where each goes: no gateway, no queue but theirs."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from benchmarks.simulator.nodes import Job, Node
from benchmarks.simulator.trace import Call

Policy = Callable[[Job, Sequence[Node], float], Node]
"""Chooses among the nodes that have the model."""


@dataclass
class Outcome:
    """What became of a trace."""

    jobs: list[Job]
    loads: list[float]
    """When each load began."""
    refused: list[str] = field(default_factory=list)
    """What calls without an answer were told."""

    def waits(self, *, urgent: bool | None = None) -> list[float]:
        """Seconds to the first token; infinite for calls that got none."""
        wanted = (job for job in self.jobs if urgent is None or job.urgent is urgent)
        return [math.inf if job.first is None else job.first - job.arrived for job in wanted]

    def lasted(self, *, urgent: bool | None = None) -> list[float]:
        """Seconds to the last token."""
        wanted = (job for job in self.jobs if urgent is None or job.urgent is urgent)
        return [math.inf if job.done is None else job.done - job.arrived for job in wanted]


def fresh(calls: Sequence[Call]) -> list[Job]:
    """The calls' jobs as if nothing had answered them yet."""
    return [Job(c.job.number, c.job.model, c.job.prompt, c.job.answer, c.job.output, c.job.urgent, c.at) for c in calls]


def replay(calls: Sequence[Call], nodes: Sequence[Node], policy: Policy) -> Outcome:
    """Every call goes to a node in the moment in which it comes."""
    jobs = fresh(calls)
    for job in jobs:
        for node in nodes:
            node.advance(job.arrived)
        able = [node for node in nodes if node.spec.model(job.model)]
        policy(job, able, job.arrived).submit(job)
    for node in nodes:
        node.advance(math.inf if node.next_event() is None else 1e9)
    return Outcome(jobs, [at for node in nodes for at in node.loads])


def round_robin() -> Policy:
    """Each in turn."""
    turns = count()
    return lambda _job, nodes, _now: nodes[next(turns) % len(nodes)]


def least_connections() -> Policy:
    """The one with the fewest calls that have not ended; of equals the one asked longest ago."""
    turns, last = count(), {}

    def choose(_job: Job, nodes: Sequence[Node], _now: float) -> Node:
        best = min(nodes, key=lambda node: (node.inflight, last.get(node.spec.name, -1)))
        last[best.spec.name] = next(turns)
        return best

    return choose


def loaded_first() -> Policy:
    """Nodes that have the model in memory before others; of those the one with the fewest calls."""
    least = least_connections()

    def choose(job: Job, nodes: Sequence[Node], now: float) -> Node:
        return least(job, [node for node in nodes if job.model in node.loaded] or nodes, now)

    return choose


def random_of_two(seed: int) -> Policy:
    """The less busy of two drawn at random."""
    rng = random.Random(seed)

    def choose(_job: Job, nodes: Sequence[Node], _now: float) -> Node:
        return min(rng.sample(list(nodes), min(2, len(nodes))), key=lambda node: node.inflight)

    return choose


@dataclass
class Oracle:
    """A greedy that sees everything: the nodes' real state, the true lengths of answers, and what will be asked.

    For each call it tries every node on a copy, to the end of all that is there, and takes the one that costs least:
    the call's own time to its first token, what it adds to that of those who wait there, and the loads it makes
    necessary later by throwing out what will be asked for within ``horizon`` seconds. It is greedy: no bound for what
    could be, only far better informed than anything real.
    """

    calls: Sequence[Call]
    horizon: float = 120.0
    others: float = 1.0
    """Weight of what it costs those who wait."""
    later: float = 1.0
    """Weight of loads to come."""
    calm: float = 0.3
    """Weight of calls that nobody waits for."""
    _next: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for call in self.calls:
            self._next.setdefault(call.job.model, []).append(call.at)

    def __call__(self, job: Job, nodes: Sequence[Node], now: float) -> Node:
        return min(nodes, key=lambda node: (self._cost(job, node, nodes, now), node.spec.name))

    def _cost(self, job: Job, node: Node, nodes: Sequence[Node], now: float) -> float:
        without, waits = node.twin(), node.twin()
        mine = fresh_copy(job)
        waits.submit(mine)
        before, after = self._waits(without, now, None), self._waits(waits, now, mine)
        assert mine.first is not None
        later = sum(self._missed(name, node, nodes, now) for name in without.loaded.keys() - waits.loaded.keys())
        return (mine.first - now) * self._weight(job) + self.others * (after - before) + self.later * later

    def _waits(self, node: Node, now: float, new: Job | None) -> float:
        """Weighted seconds that the calls there wait for their first tokens, the new one left out."""
        there = [job for job in node.calls() if job is not new and job.first is None]
        node.advance(1e9)
        return sum(((job.first or 0.0) - now) * self._weight(job) for job in there)

    def _weight(self, job: Job) -> float:
        return 1.0 if job.urgent else self.calm

    def _missed(self, name: str, node: Node, nodes: Sequence[Node], now: float) -> float:
        """What it will cost that the model is gone from here."""
        soon = any(now < at < now + self.horizon for at in self._next.get(name, ()))
        model = node.spec.model(name)
        elsewhere = sum(name in other.loaded for other in nodes if other is not node)
        return 0.0 if not soon or model is None else node.spec.load_seconds(model) / (1 + elsewhere)


def fresh_copy(job: Job) -> Job:
    return Job(job.number, job.model, job.prompt, job.answer, job.output, job.urgent, job.arrived)


def oracles(calls: Sequence[Call]) -> Iterator[Oracle]:
    """It may choose in hindsight which of these was the best, once for all traces."""
    for later in (0.5, 1.5, 4.0):
        for calm in (0.1, 0.3):
            yield Oracle(calls, later=later, calm=calm)
