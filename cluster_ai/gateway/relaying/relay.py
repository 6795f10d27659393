"""A call and its answer: sent to the best node, and to others when that one fails."""

from collections.abc import Callable

from cluster_ai.core.clock import Clock
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.relaying.journey import Journey, served_of
from cluster_ai.gateway.relaying.ledger import Ledger
from cluster_ai.gateway.relaying.sending import Sending
from cluster_ai.gateway.relaying.walk import Walk


class Relay:
    """``resolve`` says what a model's name stands for."""

    def __init__(
        self, walk: Walk, ledger: Ledger, *, resolve: Callable[[str], str], total_seconds: float, clock: Clock
    ) -> None:
        self._walk = walk
        self._ledger = ledger
        self._resolve = resolve
        self._total_seconds = total_seconds
        self._clock = clock

    def send(self, call: Call) -> Sending:
        """The answer to a call, for an ``async with``. Everything it holds is given back on exit.

        Raises:
            UnknownModel: no node has the model.
            Overloaded: there is no place for it.
            NoNode: no node that has the model gave an answer.
            Broken: the answer ended before its end, and nobody could go on.
            TimeoutError: it took longer than allowed.
        """
        return Sending(self._walk, self._ledger, self._journey(call), seconds=self._seconds(call))

    def _journey(self, call: Call) -> Journey:
        return Journey(call, self._resolve(call.model), served_of(call), self._clock, self._clock())

    def _seconds(self, call: Call) -> float:
        return min(self._total_seconds, call.sender.seconds or self._total_seconds)
