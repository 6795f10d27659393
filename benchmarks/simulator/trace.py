"""What people and programs ask of a cluster in an hour, drawn from a seed.

Users talk with a model in conversations that grow; each answer is followed by short tasks that nobody waits for (a
title, tags), as chat programs send them; agents send bursts of calls that share a long beginning; models are chosen by
Zipf's law. Times are fixed before anything answers, so that every way of routing gets the same calls.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.simulator.nodes import Job, Model, Segments, Spec

SYSTEM_TOKENS: Final = 250
"""What a program puts before every conversation."""
ZIPF: Final = 1.1


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked. ``think``: seconds between the turns of a conversation."""

    seconds: float
    users: int
    conversations: float
    """Begun a minute, by all users together."""
    turns: float
    """Of a conversation, on average."""
    think: float
    bursts: float
    """Of agents, an hour."""
    burst_calls: int


@dataclass(frozen=True, slots=True)
class Call:
    """One request at its time. ``talk``: calls of one conversation have the same."""

    at: float
    user: int
    talk: int
    job: Job


@dataclass
class Drawing:
    """One trace as it is drawn."""

    load: Load
    models: Sequence[Model]
    rng: random.Random

    def __post_init__(self) -> None:
        self._pieces = itertools.count(1)
        self._talks = itertools.count(1)
        self._weights = [1.0 / (place + 1) ** ZIPF for place in range(len(self.models))]
        # The same program with the same model: one beginning for all its users.
        self._systems = {model.name: (next(self._pieces), SYSTEM_TOKENS) for model in self.models}

    def calls(self) -> list[Call]:
        """By time."""
        found = [call for at in self._times(self.load.conversations / 60) for call in self._talk(at)]
        found += [call for at in self._times(self.load.bursts / 3600) for call in self._burst(at)]
        found.sort(key=lambda call: call.at)
        inside = [call for call in found if call.at < self.load.seconds]
        for number, call in enumerate(inside):
            call.job.number, call.job.arrived = number, call.at
        return inside

    def _times(self, rate: float) -> Iterator[float]:
        at = self.rng.expovariate(rate) if rate else self.load.seconds
        while at < self.load.seconds:
            yield at
            at += self.rng.expovariate(rate)

    def _talk(self, at: float) -> Iterator[Call]:
        user, talk, model = self._user(), next(self._talks), self._model()
        prompt: Segments = (self._systems[model],)
        for turn in itertools.count():
            prompt = (*prompt, self._piece(60, 0.9))
            job = self._job(model, prompt, self._tokens(220, 0.7))
            yield Call(at, user, talk, job)
            prompt = (*prompt, (job.answer, job.output))
            # A guess of when the answer was there; the trace cannot know.
            ended = at + 2.0 + job.output / 40
            if turn == 0:
                yield from self._background(ended, user, talk, model, prompt)
            if self.rng.random() < 1.0 / self.load.turns:
                return
            at = ended + self.rng.lognormvariate(0.0, 0.6) * self.load.think

    def _background(self, at: float, user: int, talk: int, model: str, prompt: Segments) -> Iterator[Call]:
        """Title, tags and follow-up questions of a conversation."""
        for tokens in (12, 25, 60):
            asked = ((next(self._pieces), 180), *prompt[1:])
            yield Call(at, user, talk, self._job(model, asked, tokens, urgent=False))

    def _burst(self, at: float) -> Iterator[Call]:
        """An agent: many questions about one document, nearly at once; nobody looks at a single one."""
        user, model = self._user(), self._model()
        document = self._piece(2500, 0.5)
        for _ in range(max(2, round(self.rng.gauss(self.load.burst_calls, self.load.burst_calls / 4)))):
            prompt = (self._systems[model], document, self._piece(40, 0.4))
            job = self._job(model, prompt, self._tokens(80, 0.5), urgent=False)
            yield Call(at, user, next(self._talks), job)
            at += self.rng.expovariate(4.0)

    def _user(self) -> int:
        weights = [1.0 / (place + 1) for place in range(self.load.users)]
        return self.rng.choices(range(self.load.users), weights)[0]

    def _model(self) -> str:
        return self.rng.choices([model.name for model in self.models], self._weights)[0]

    def _piece(self, middle: float, spread: float) -> tuple[int, int]:
        return next(self._pieces), self._tokens(middle, spread)

    def _tokens(self, middle: float, spread: float) -> int:
        return max(4, min(6000, round(middle * self.rng.lognormvariate(0.0, spread))))

    def _job(self, model: str, prompt: Segments, output: int, *, urgent: bool = True) -> Job:
        return Job(0, model, prompt, next(self._pieces), output, urgent)


SMALL, MIDDLE, CODE, LARGE, VISION, HUGE = MODELS = (
    Model("chat-8b:latest", 5.0),
    Model("small-3b:latest", 2.0),
    Model("code-14b:latest", 9.0),
    Model("large-32b:latest", 20.0),
    Model("vision-11b:latest", 7.5),
    Model("write-24b:latest", 14.0),
)
"""Most asked for first."""


def has(*models: Model) -> tuple[Model, ...]:
    return models


HOME: Final = (
    Spec("desktop", 22.0, 1.5, 9000.0, 800.0, 2, MODELS),
    Spec("laptop", 10.0, 1.0, 2500.0, 250.0, 1, has(SMALL, MIDDLE, CODE, VISION)),
    Spec("mini", 14.0, 0.6, 1200.0, 110.0, 1, has(SMALL, MIDDLE, CODE, VISION, HUGE)),
)
OFFICE: Final = (
    Spec("tower-1", 46.0, 2.0, 12000.0, 950.0, 4, MODELS),
    Spec("tower-2", 22.0, 1.5, 9000.0, 800.0, 2, MODELS),
    Spec("tower-3", 22.0, 1.5, 9000.0, 800.0, 2, MODELS),
    Spec("old-1", 11.0, 0.5, 2500.0, 350.0, 1, has(SMALL, MIDDLE, CODE, VISION)),
    Spec("old-2", 11.0, 0.5, 2500.0, 350.0, 1, has(SMALL, MIDDLE, CODE, VISION)),
    Spec("cpu", 60.0, 1.0, 250.0, 50.0, 2, MODELS),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Machines, and what is asked of them."""

    name: str
    nodes: tuple[Spec, ...]
    models: tuple[Model, ...]
    load: Load

    def draw(self, seed: int) -> list[Call]:
        return Drawing(self.load, self.models, random.Random(seed)).calls()


SCENES: Final = {
    scene.name: scene
    for scene in (
        Scene("home", HOME, MODELS[:4], Load(3600, 4, 0.5, 5, 30, 3, 8)),
        Scene("office", OFFICE, MODELS, Load(3600, 30, 3.0, 5, 30, 8, 12)),
        Scene("agents", OFFICE, MODELS[:3], Load(3600, 12, 1.0, 4, 25, 40, 20)),
    )
}
