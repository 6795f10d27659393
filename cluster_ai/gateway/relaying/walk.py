"""The way from node to node, until one answers."""

from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.nodes.reasons import TryNext
from cluster_ai.gateway.placing.place import Nowhere, Overloaded, Place
from cluster_ai.gateway.relaying.attempt import Attempts, Trial
from cluster_ai.gateway.relaying.hedge import Hedge, may_hedge
from cluster_ai.gateway.relaying.journey import Journey
from cluster_ai.gateway.relaying.ledger import Ledger
from cluster_ai.gateway.relaying.retries import Retries


class Walk:
    """``idle_seconds``: the longest that a node may say nothing."""

    def __init__(self, attempts: Attempts, ledger: Ledger, retries: Retries, *, idle_seconds: float) -> None:
        self._attempts = attempts
        self._ledger = ledger
        self._retries = retries
        self.idle_seconds = idle_seconds
        self._hedge = Hedge(attempts, retries)
        self.cause = retries.cause
        """Why there is no answer, once nobody is asked any more."""

    def begin(self) -> None:
        """A call has come in; with every call comes some of a second try."""
        self._retries.budget.call()

    async def may_go_on(self, journey: Journey) -> bool:
        """Whether another node is to be asked; it may be one that comes back while this waits."""
        return self._retries.allowed(journey) or await self._retries.revived(journey)

    async def first(self, journey: Journey, call: Call) -> Trial | None:
        """The first node to answer; None when the last one refused in words that are the client's to see.

        Raises:
            UnknownModel, NoNode: none did.
            Overloaded: there is no place.
        """
        while True:
            seen: list[Place] = []
            journey.tries_now()
            try:
                trial = journey.trial = await self._open(journey, call, seen)
            except Nowhere as exc:
                if not await self._retries.revived(journey):
                    self._demand_words(journey, exc)
                    return None
            except Overloaded:
                if journey.refused is None or not journey.refused.is_busy:
                    raise
                return None
            except TryNext as exc:
                self._ledger.decided(journey, seen[0])
                journey.passed_on(seen[0], exc)
                if not await self.may_go_on(journey):
                    self._demand_words(journey, exc)
                    return None
            else:
                self._ledger.decided(journey, seen[-1], answered=True)
                journey.answered(seen[-1], trial.load_seconds)
                return trial

    async def _open(self, journey: Journey, call: Call, seen: list[Place]) -> Trial:
        if may_hedge(call):
            return await self._hedge.first(journey, call, seen)
        until = self._retries.waits_until(journey)
        return await self._attempts.open(call, journey.model, journey.avoid, seen, until=until)

    def _demand_words(self, journey: Journey, cause: Exception) -> None:
        """Raises why there is no answer, unless a node's own refusal is there to be shown."""
        if journey.refused is None or not journey.refused.status:
            raise self.cause(journey) from cause

    def give_up(self, journey: Journey, trial: Trial, reason: str) -> None:
        """The try has failed in the middle of its answer: its node is told so, its place is free."""
        journey.failed(trial.place, reason)
        self._attempts.close(trial, is_whole=False)

    def end(self, journey: Journey, trial: Trial) -> None:
        """The answer is whole."""
        journey.ended(trial.place)
        self._attempts.close(trial, is_whole=True)

    def leave(self, journey: Journey) -> None:
        """The call is over, however it ended."""
        if journey.trial is not None:
            self._attempts.close(journey.trial, is_whole=False)
