"""Whether a call that a node failed is tried at another."""

import asyncio
from typing import Final

from cluster_ai.core.clock import Clock
from cluster_ai.core.errors import ClusterError
from cluster_ai.gateway.nodes.pool import PROBES_TO_DOWN, Pool, Upstream
from cluster_ai.gateway.placing.place import NEVER
from cluster_ai.gateway.relaying.budget import RetryBudget
from cluster_ai.gateway.relaying.causes import nowhere
from cluster_ai.gateway.relaying.journey import Journey
from cluster_ai.gateway.types import BreakerState, GatewaySettings, ModelView, UpstreamState

TRIES: Final = 3
"""At nodes that are doubtful, too, as far as the budget goes."""
MOST_TRIES: Final = 8
"""At nodes that are well."""
HOPE_SECONDS: Final = 2.0
"""When all nodes have gone, calls wait so long for the first to come back: a restart takes about that."""
LOOK_SECONDS: Final = 0.02


class Retries:
    """For all calls of the gateway."""

    def __init__(self, pool: Pool, settings: GatewaySettings, *, clock: Clock) -> None:
        self._pool = pool
        self._settings = settings
        self._clock = clock
        self.budget = RetryBudget(settings.retry_share)

    def cause(self, journey: Journey) -> ClusterError:
        """Why there is no answer, once nobody is asked any more."""
        return nowhere(journey, self._pool, self._settings)

    def waits_until(self, journey: Journey) -> float:
        """When its call has waited for a place long enough, however often it has come back to the line."""
        return journey.waits_since + journey.call.patience(self._settings.queue_seconds)

    def allowed(self, journey: Journey) -> bool:
        """A node that is well takes another try for nothing; one that is doubtful costs some of the budget.

        For one that was only busy a call waits, as long as its client does.
        """
        tries = len(journey.served.timeline)
        left = [(up, view) for up, view in self._serving(journey) if _may_be_asked(up, journey)]
        if any(_is_fresh(up, journey) and self._takes_more(up, view) for up, view in left):
            return tries < MOST_TRIES
        if any(journey.avoid.get(up.name) == NEVER for up, _ in left):
            return self._may_wait(journey, left)
        return bool(left) and tries < TRIES and self.budget.spend()

    async def revived(self, journey: Journey) -> bool:
        """Waits for a node to be well again while the last one has just gone, or is being woken. Whether one is."""
        while len(journey.served.timeline) < MOST_TRIES and self._clock() < self._hope_ends(journey):
            await asyncio.sleep(LOOK_SECONDS)
            if any(_may_be_asked(up, journey) and self._takes_more(up, view) for up, view in self._serving(journey)):
                return True
        return False

    def _hope_ends(self, journey: Journey) -> float:
        holders = [up for up in self._pool.all() if up.model(journey.model) and up.takes(journey.call.sender.pins)]
        if woken := self._pool.waker.wake(holders):
            journey.woken = ", ".join(woken)
            return min(journey.began + self._pool.waker.seconds, self.waits_until(journey))
        doubted = (up for up in holders if _is_fresh(up, journey) and up.state is UpstreamState.SUSPECT)
        if not any(up.missed for up in holders) and not any(doubted):
            # They are there and fail: to wait for that would only hold up everybody.
            return 0.0
        noticed = PROBES_TO_DOWN * self._settings.probe_seconds
        left_at = max(up.seen_at or 0.0 for up in holders) + noticed + HOPE_SECONDS
        return min(left_at, self.waits_until(journey))

    def _may_wait(self, journey: Journey, left: list[tuple[Upstream, ModelView]]) -> bool:
        now = self._clock()
        pause = min(up.lane(view).busy_seconds(now) for up, view in left)
        return now + pause <= self.waits_until(journey)

    def _serving(self, journey: Journey) -> list[tuple[Upstream, ModelView]]:
        return self._pool.serving(journey.model, journey.call.sender.pins)

    def _takes_more(self, upstream: Upstream, model: ModelView) -> bool:
        """It is well. Half open it is asked by one call at a time, and the others wait for how that goes."""
        is_open = upstream.lane(model).breaker.state(self._clock()) is BreakerState.OPEN
        return not is_open and upstream.state is UpstreamState.HEALTHY


def _is_fresh(upstream: Upstream, journey: Journey) -> bool:
    """It has not failed this call, or has been away since."""
    return upstream.name not in journey.avoid or upstream.back_at > journey.avoid[upstream.name] > NEVER


def _may_be_asked(upstream: Upstream, journey: Journey) -> bool:
    """It has not failed this call, or a probe found it well since."""
    return upstream.name not in journey.avoid or (upstream.seen_at or 0.0) > journey.avoid[upstream.name]
