"""One try at one node: a place, a model in memory, a request, its records; settled exactly once, however it ends."""

import random
from collections.abc import Mapping

from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.means import Means
from cluster_ai.gateway.nodes.reasons import TryNext, reason_of
from cluster_ai.gateway.placing.admission import Desk
from cluster_ai.gateway.placing.place import Place
from cluster_ai.gateway.relaying.loads import Loads
from cluster_ai.gateway.relaying.patience import first_byte_seconds
from cluster_ai.gateway.relaying.trial import Broken, Trial

__all__ = ["Attempts", "Broken", "Trial"]


def chance() -> float:
    """Spreads pauses; nothing secret."""
    return random.random()  # noqa: S311


class Attempts:
    """Makes them."""

    def __init__(self, desk: Desk, loads: Loads, means: Means) -> None:
        self._desk = desk
        self._loads = loads
        self._wire = means.wire
        self._settings = means.settings
        self._clock = means.clock

    async def open(
        self, call: Call, model: str, avoid: Mapping[str, float], seen: list[Place], *, until: float
    ) -> Trial:
        """An answer of the best node, up to its first record. Whoever gets it must ``close`` it.

        ``seen`` gets the place as soon as there is one, so that a failure can be told of its node. ``until``: when it
        has waited for a place long enough, by the gateway's clock.

        Raises:
            TryNext: the node gave none.
            Nowhere, Overloaded: there is no place.
        """
        place = await self._desk.place(call, model, avoid, until=until)
        seen.append(place)
        if not place.lane.breaker.admit(self._clock()) and not place.is_last:
            self._desk.leave(place)
            raise TryNext("left alone after failures", blame=False, is_taken=True)
        trial = Trial(call, place)
        try:
            await self._begin(trial, again=bool(avoid))
        except TryNext as exc:
            self._refused(trial, exc)
            raise
        except BaseException:
            self.close(trial, is_whole=False)
            raise
        return trial

    def close(self, trial: Trial, *, is_whole: bool) -> None:
        """Its answer is whole, or it failed and says so, or nobody wants it any more, which is no verdict on its node.

        Nothing, when it was closed already.
        """
        place = trial.place
        if not self._let_go(trial):
            return
        if trial.failure:
            self._settle(place, trial.failure, blame=True)
        elif is_whole:
            place.lane.succeeded(self._clock())
            place.upstream.served += 1
            if trial.waiting is not None and trial.inside is not None:
                place.lane.capacity.told(trial.waiting, trial.inside, now=self._clock())
        else:
            place.lane.breaker.abandon()
        self._desk.leave(place)

    def _refused(self, trial: Trial, refused: TryNext) -> None:
        place = trial.place
        self._let_go(trial)
        if refused.is_busy:
            place.lane.is_busy(refused.retry_after, self._clock())
        self._settle(place, str(refused), blame=refused.blame)
        self._desk.leave(place)

    def _settle(self, place: Place, reason: str, *, blame: bool) -> None:
        if blame:
            place.lane.failed(self._clock(), chance=chance())
            place.upstream.suspect(reason)
            return
        place.lane.breaker.abandon()
        # It has not got what we thought, or has no room: look again soon.
        place.upstream.wake.set()

    async def _begin(self, trial: Trial, *, again: bool) -> None:
        """Its first bytes are there afterwards."""
        call, lane = trial.call, trial.place.lane
        trial.load_seconds = await self._loads.ready(call, trial.place)
        trial.waiting = lane.capacity.sent(self._clock())
        await self._first_bytes(trial, again=again)
        lane.begun(trial.waiting, call.chain, now=self._clock(), chat=call.sender.affinity)
        trial.has_begun = True
        if lane.breaker.is_recovering:
            # Others waited for this.
            self._desk.look_again()

    def _let_go(self, trial: Trial) -> bool:
        """Answers whether it had not been let go before."""
        if trial.is_over:
            return False
        trial.close()
        capacity = trial.place.lane.capacity
        if trial.has_begun:
            capacity.over()
        elif trial.waiting is not None:
            capacity.lost(trial.waiting)
        return True

    async def _first_bytes(self, trial: Trial, *, again: bool) -> None:
        place, wait = trial.place, trial.wait
        place.upstream.waits.add(wait.move)
        wait.grace = lambda: self._wait_for_load(place)
        try:
            with wait.of(first_byte_seconds(trial.call, place, self._settings, again=again)):
                await trial.begin(self._wire)
        except TimeoutError as exc:
            raise TryNext(place.upstream.why_silent(reason_of(exc)), blame=True) from exc
        wait.grace = None
        place.upstream.heard()

    def _wait_for_load(self, place: Place) -> float:
        """A silent node whose memory has lost the model is loading it; to give that up would only begin it again."""
        model = place.upstream.model(place.model.name)
        is_loading = model is not None and not model.loaded and place.upstream.missed == 0
        return self._settings.load_seconds if is_loading else 0.0
