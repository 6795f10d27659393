"""Ways to choose a node: the one that the cluster uses, and the simple ones it is compared with. Pure."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.gateway.routing import Ask, Candidate, Score, Scorer
from cluster_ai.gateway.types import BreakerState, Strategy, UpstreamState

PREFILL: Final = 400.0
DECODE: Final = 25.0
"""Tokens per second of a node of which nothing is known and nobody beside it was measured."""
DECODE_WEIGHT: Final = 0.2
"""A second of writing counts less than one before the first token: people read while it writes."""
EVICT_WEIGHT: Final = 2.0
"""Of what a load takes from others: the one that has it again throws out the next."""
CROWD_WEIGHT: Final = 0.1
"""Answers side by side slow each other; also what spreads calls over nodes that are otherwise alike."""
UNPROVEN_WEIGHT: Final = 1.0
"""Of a turn, where a call would be one more side by side than was ever seen there."""
ALIKE: Final = 0.8
TROUBLE_SECONDS: Final = 5.0
"""What a failed try costs, in seconds of waiting."""
SUSPECT_SECONDS: Final = 30.0
OPEN_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class ExpectedTime:
    """Seconds until the first token as expected, and a share of those until the last."""

    def scores(self, candidates: Sequence[Candidate], ask: Ask) -> list[Score]:
        fleet = _Fleet.of(candidates, ask)
        return [self._score(candidate, ask, fleet) for candidate in candidates]

    def _score(self, candidate: Candidate, ask: Ask, fleet: "_Fleet") -> Score:
        prefill = _like(candidate.prefill, fleet.prefill)
        decode = _like(candidate.decode, fleet.decode)
        hold = 1 / _like(candidate.hold_seconds and 1 / candidate.hold_seconds, 1 / fleet.hold)
        unread = max(0, ask.prompt_tokens - candidate.cached_tokens)
        mine = unread / prefill + ask.output_tokens / decode
        # What it costs others counts for more the less the call's own waiting does.
        others = 1 / ask.urgency
        wait = _wait(candidate, ask, hold, fleet.slots)
        parts = (
            ("wait", wait),
            ("load", _load(candidate, wait, others)),
            ("evict", EVICT_WEIGHT * others * candidate.evict_seconds),
            ("prefill", unread / prefill),
            ("decode", DECODE_WEIGHT * ask.output_tokens / decode),
            ("forget", others * candidate.forgotten_tokens / prefill),
            ("reserve", others * _in_the_way(candidate, ask, mine)),
            ("unproven", UNPROVEN_WEIGHT * hold * (candidate.inflight >= candidate.proven)),
            ("crowd", CROWD_WEIGHT * hold * (candidate.inflight + candidate.busy) / max(1, candidate.slots)),
            ("trouble", TROUBLE_SECONDS * candidate.trouble),
            ("doubt", _doubt(candidate)),
        )
        # What nobody could measure does not decide.
        total = round(sum([seconds for _, seconds in parts]), 4)
        # Of equals the one that had the same chat, then the one that was faster so far; unmeasured ones first, or they
        # would never be measured.
        return Score(parts, (total, not candidate.same_chat, candidate.latency or 0.0))


@dataclass(frozen=True, slots=True)
class _Fleet:
    """What the candidates have in common. A node nobody measured is taken to be as good as the best of them."""

    prefill: float
    decode: float
    hold: float
    slots: int
    """Of all candidates that have the model in memory."""

    @classmethod
    def of(cls, candidates: Sequence[Candidate], ask: Ask) -> "_Fleet":
        decode = max((row.decode for row in candidates if row.decode), default=DECODE)
        return cls(
            prefill=max((row.prefill for row in candidates if row.prefill), default=PREFILL),
            decode=decode,
            hold=min((row.hold_seconds for row in candidates if row.hold_seconds), default=ask.output_tokens / decode),
            slots=sum(row.slots for row in candidates if row.resident),
        )


def _like(rate: float | None, best: float) -> float:
    """A rate to reckon with: measurements that differ by little say that nodes are alike."""
    return best if rate is None or rate >= ALIKE * best else rate


def _wait(candidate: Candidate, ask: Ask, hold: float, slots: int) -> float:
    """Until a slot is free there: the next of its answers to end, after those who stand before us."""
    if not candidate.is_full:
        return 0.0
    turn = (candidate.free_seconds or hold / (candidate.slots + 1)) if candidate.inflight >= candidate.slots else 0.0
    closed = max(candidate.swap_seconds, candidate.busy_seconds)
    return closed + turn + hold * ask.ahead / max(1, slots, candidate.slots)


def _in_the_way(candidate: Candidate, ask: Ask, mine: float) -> float:
    """Whoever comes while the call has the last place waits for half of its time."""
    if candidate.resident and candidate.inflight + 1 < candidate.slots:
        return 0.0
    return ask.rate * mine * mine / 2


def _load(candidate: Candidate, wait: float, others: float) -> float:
    """What it takes from others, too; one that has begun does not, and goes on while the call waits for its turn."""
    if candidate.resident:
        return 0.0
    if candidate.loading is not None:
        return max(0.0, candidate.load_seconds - candidate.loading - wait)
    return others * candidate.load_seconds + candidate.blocked_seconds


def _doubt(candidate: Candidate) -> float:
    suspect = SUSPECT_SECONDS * (candidate.state is not UpstreamState.HEALTHY)
    return suspect + OPEN_SECONDS * (candidate.breaker is BreakerState.OPEN)


def _trust(candidate: Candidate) -> tuple[tuple[str, float], ...]:
    return (
        ("breaker", float(candidate.breaker is BreakerState.OPEN)),
        ("suspect", float(candidate.state is not UpstreamState.HEALTHY)),
        ("busy", float(candidate.busy_seconds > 0)),
    )


def _in_order(*parts: tuple[str, float]) -> Score:
    """A score of which the first part that differs decides."""
    return Score(parts, tuple(value for _, value in parts))


@dataclass(frozen=True, slots=True)
class LeastLoaded:
    """Fewest answers in flight."""

    def scores(self, candidates: Sequence[Candidate], ask: Ask) -> list[Score]:
        del ask
        return [_in_order(*_trust(row), ("inflight", float(row.inflight + row.busy))) for row in candidates]


@dataclass(frozen=True, slots=True)
class ByPriority:
    """The highest configured priority; of equals the least loaded."""

    def scores(self, candidates: Sequence[Candidate], ask: Ask) -> list[Score]:
        del ask
        return [
            _in_order(*_trust(row), ("rank", -float(row.priority)), ("inflight", float(row.inflight)))
            for row in candidates
        ]


@dataclass(slots=True)
class RoundRobin:
    """Each in turn, model by model."""

    _turns: Counter[str] = field(default_factory=Counter)

    def scores(self, candidates: Sequence[Candidate], ask: Ask) -> list[Score]:
        turn = self._turns[ask.model]
        self._turns[ask.model] += 1
        count = len(candidates)
        return [_in_order(*_trust(row), ("turn", float((at - turn) % count))) for at, row in enumerate(candidates)]


@dataclass(slots=True)
class RandomOfTwo:
    """The less loaded of two drawn at random."""

    rng: random.Random

    def scores(self, candidates: Sequence[Candidate], ask: Ask) -> list[Score]:
        del ask
        drawn = set(self.rng.sample(range(len(candidates)), min(2, len(candidates))))
        return [
            _in_order(*_trust(row), ("not drawn", float(at not in drawn)), ("inflight", float(row.inflight + row.busy)))
            for at, row in enumerate(candidates)
        ]


STRATEGIES: Final[dict[Strategy, Callable[[], Scorer]]] = {
    Strategy.EXPECTED_TIME: ExpectedTime,
    Strategy.LEAST_LOADED: LeastLoaded,
    Strategy.ROUND_ROBIN: RoundRobin,
    Strategy.PRIORITY: ByPriority,
    Strategy.RANDOM_OF_TWO: lambda: RandomOfTwo(random.Random()),  # noqa: S311 - spreads load; nothing secret
}
