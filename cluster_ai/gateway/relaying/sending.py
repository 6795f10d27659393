"""One call on its way: whatever it holds is given back once, however it ends."""

from cluster_ai.core.deadline import Deadline
from cluster_ai.gateway.relaying.journey import Journey
from cluster_ai.gateway.relaying.ledger import Ledger
from cluster_ai.gateway.relaying.reply import Reply, passed
from cluster_ai.gateway.relaying.streamed import streamed
from cluster_ai.gateway.relaying.walk import Walk
from cluster_ai.gateway.relaying.whole import in_one_piece, whole


class Sending:
    """One call, from its first try until all of its answer is told. No generators: every request goes through here."""

    __slots__ = ("_deadline", "_journey", "_ledger", "_seconds", "_walk")

    def __init__(self, walk: Walk, ledger: Ledger, journey: Journey, *, seconds: float) -> None:
        self._walk = walk
        self._ledger = ledger
        self._journey = journey
        self._seconds = seconds
        self._deadline = Deadline()

    async def __aenter__(self) -> Reply:
        self._walk.begin()
        self._ledger.begin()
        self._deadline.of(self._seconds).__enter__()
        try:
            return await self._reply()
        except BaseException as exc:
            self._end(exc)
            raise

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """Settles all that is open.

        Raises:
            TimeoutError: it was the time that ended it.
        """
        journey = self._journey
        self._walk.leave(journey)
        journey.close(journey.clock())
        try:
            self._deadline.__exit__(None if error is None else type(error), error, None)
        except TimeoutError as exc:
            self._ledger.end(journey.served, exc)
            raise
        else:
            self._ledger.end(journey.served, error)
        finally:
            self._deadline.close()

    async def _reply(self) -> Reply:
        walk, journey = self._walk, self._journey
        if not journey.call.stream:
            return await whole(walk, journey)
        trial = await walk.first(journey, journey.call)
        if trial is None or not trial.streams:
            return in_one_piece(walk, journey, trial)
        chunks = streamed(walk, journey, trial)
        return Reply(trial.status, passed(trial.headers), journey.served, chunks=chunks)
