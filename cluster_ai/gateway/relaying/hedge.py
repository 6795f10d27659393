"""A short call that takes unusually long is also given to a second node; the first to answer wins.

Opt-in, and paid from the budget of second tries. Nothing is hedged that loads a model: a load that is given up was for
nothing, and the second would only double it. See Dean and Barroso, "The Tail at Scale" (2013).
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.nodes.reasons import TryNext
from cluster_ai.gateway.placing.place import Nowhere, Overloaded, Place
from cluster_ai.gateway.relaying.attempt import Attempts, Trial
from cluster_ai.gateway.relaying.journey import Journey
from cluster_ai.gateway.relaying.retries import Retries

LONGEST_PROMPT: Final = 1024
"""Tokens. Reading a longer one twice costs more than the wait."""
PLACED_SECONDS: Final = 0.02
"""A call that has no place after so long waits in the line, where a second one would not help."""


@dataclass(slots=True)
class Run:
    """One of the two."""

    task: asyncio.Task[Trial]
    seen: list[Place] = field(default_factory=list)


def may_hedge(call: Call) -> bool:
    return call.sender.caller.hedge and 0 < call.chain.tokens <= LONGEST_PROMPT


class Hedge:
    """``retries`` say whether one more try is affordable, and how long a place may be waited for."""

    def __init__(self, attempts: Attempts, retries: Retries) -> None:
        self._attempts = attempts
        self._retries = retries
        self._dropped: set[asyncio.Task[Trial]] = set()
        """Those that are about to end: a loop by itself keeps no task alive."""

    async def first(self, journey: Journey, call: Call, seen: list[Place]) -> Trial:
        """The answer of the node that is first; its place is the last in ``seen``.

        Raises:
            TryNext, Nowhere, Overloaded: as of a single try, of the first node.
        """
        runs = [self._start(journey, call)]
        handed: Run | None = None
        try:
            delay = await _unusual_after(runs[0])
            if delay is not None:
                done, _ = await asyncio.wait({runs[0].task}, timeout=delay)
                if not done and self._retries.budget.spend():
                    runs.append(self._start(journey, call, beside=runs[0].seen[0].upstream.name))
            winner = await _winner(runs)
            seen += winner.seen
            trial = winner.task.result()
            handed = winner
            return trial
        finally:
            # Nothing is awaited between the winner's answer and who gets it: whoever is ended there would lose it.
            for run in runs:
                if run is not handed:
                    self._drop(run)

    def _start(self, journey: Journey, call: Call, *, beside: str = "") -> Run:
        seen: list[Place] = []
        # A moment that no probe comes after.
        avoid = {**journey.avoid, beside: float("inf")} if beside else journey.avoid
        until = self._retries.waits_until(journey)
        return Run(asyncio.ensure_future(self._attempts.open(call, journey.model, avoid, seen, until=until)), seen)

    def _drop(self, run: Run) -> None:
        """Gives it up, whatever it has come to."""
        run.task.cancel()
        self._dropped.add(run.task)
        run.task.add_done_callback(self._let_go)

    def _let_go(self, task: asyncio.Task[Trial]) -> None:
        self._dropped.discard(task)
        if not task.cancelled() and task.exception() is None:
            self._attempts.close(task.result(), is_whole=False)


async def _unusual_after(run: Run) -> float | None:
    """Seconds after which a first byte is late; None where that is unknown, or waiting is all there is to do."""
    await asyncio.wait({run.task}, timeout=PLACED_SECONDS)
    if run.task.done() or not run.seen or not run.seen[0].choice.candidate.resident:
        return None
    return run.seen[0].lane.learned.ttft.high


async def _winner(runs: list[Run]) -> Run:
    """The first to answer; of failures the first call's, when all have failed."""
    left = {run.task: run for run in runs}
    while left:
        done, _ = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            run = left.pop(task)
            if not task.cancelled() and not isinstance(task.exception(), (TryNext, Nowhere, Overloaded)):
                return run
    return runs[0]
