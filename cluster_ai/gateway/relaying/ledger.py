"""The gateway's books: what came in, what became of it, and what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cluster_ai.core.clock import Clock
from cluster_ai.gateway.placing.place import Place
from cluster_ai.gateway.relaying.causes import judge
from cluster_ai.gateway.relaying.journey import Journey
from cluster_ai.gateway.served import Observer, Outcome, Served
from cluster_ai.gateway.types import Totals
from cluster_ai.gateway.watching.decisions import Decision, Decisions

_SERVER_ERROR: Final = 500


@dataclass(slots=True)
class Counters:
    """Since the gateway started; they only grow, but for ``inflight``."""

    requests: int = 0
    errors: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    inflight: int = 0

    def totals(self) -> Totals:
        return Totals(
            requests=self.requests,
            errors=self.errors,
            cancelled=self.cancelled,
            prompt_tokens=self.prompt_tokens,
            output_tokens=self.output_tokens,
        )

    def add(self, served: Served) -> None:
        """A call that is over."""
        self.errors += served.outcome is Outcome.BROKEN or served.status >= _SERVER_ERROR
        self.cancelled += served.outcome is Outcome.CANCELLED
        self.prompt_tokens += served.prompt_tokens
        self.output_tokens += served.output_tokens


class Ledger:
    """One for the whole gateway."""

    def __init__(self, observers: Sequence[Observer], *, clock: Clock) -> None:
        self._observers = observers
        self._clock = clock
        self.counters = Counters()
        self.decisions = Decisions()

    def begin(self) -> None:
        """A call has come in; it is over with ``end``."""
        self.counters.requests += 1
        self.counters.inflight += 1

    def end(self, served: Served, error: BaseException | None) -> None:
        """A call is over. ``error``: what ended it, if not the end of its answer."""
        if error is None:
            served.outcome = Outcome.DONE
        else:
            judge(served, error)
        self.counters.inflight -= 1
        self.counters.add(served)
        for observe in self._observers:
            observe(served)

    def decided(self, journey: Journey, place: Place, *, answered: bool = False) -> None:
        """Where a call was sent, for people to ask about."""
        decision = self.decisions.find(journey.served.request_id) if journey.served.tried else None
        if decision is None:
            decision = Decision(self._clock(), journey.model, place.choices, request_id=journey.served.request_id)
            self.decisions.append(decision)
        # The same table: what is tried later shows there, too.
        decision.tried = journey.served.tried
        if answered:
            decision.node = place.upstream.name
