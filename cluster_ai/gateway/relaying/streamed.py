"""Answers as they are written. What a client has seen is never taken back; another node may go on from there."""

from collections.abc import AsyncIterator

from cluster_ai.core.errors import ClusterError
from cluster_ai.gateway.dialects.telling import Seam, can_go_on, rest_of
from cluster_ai.gateway.relaying.attempt import Broken, Trial
from cluster_ai.gateway.relaying.journey import Journey
from cluster_ai.gateway.relaying.patience import silence_of
from cluster_ai.gateway.relaying.walk import Walk


async def streamed(walk: Walk, journey: Journey, trial: Trial) -> AsyncIterator[bytes]:
    """Whole records, to the last.

    Raises:
        Broken: the answer ended before its end, and nobody could go on.
    """
    seam: Seam | None = None
    while True:
        try:
            async for batch in trial.records(
                silence=silence_of(journey.call, trial.place.lane, most=walk.idle_seconds)
            ):
                heard = journey.hear(batch, seam)
                # Taken apart they are ten times as large, and nobody knows when a client takes what is next.
                batch.clear()
                if heard:
                    yield heard
        except Broken as exc:
            walk.give_up(journey, trial, str(exc))
            trial, seam = await _go_on(walk, journey, trial, exc)
        else:
            walk.end(journey, trial)
            return


async def _go_on(walk: Walk, journey: Journey, trial: Trial, broken: Broken) -> tuple[Trial, Seam]:
    """Another node, which goes on where the last one broke off, or begins when nothing had been said.

    Raises:
        Broken: there is none, or the answer is not one that can be gone on with.
    """
    # Never ``broken`` itself: it would hold this frame, and this frame it.
    call, told = journey.call, journey.told
    if not told.is_nothing:
        if not (call.may_resume and can_go_on(call, told)):
            raise Broken(str(broken)) from broken
        call = rest_of(call, told, digest=trial.place.model.digest)
        journey.waits_since = journey.clock()
    if not await walk.may_go_on(journey):
        raise Broken(str(broken)) from broken
    try:
        following = await walk.first(journey, call)
    except ClusterError as exc:
        raise Broken(f"{broken}; {exc.message}") from exc
    if following is None or not following.streams:
        raise Broken(str(broken)) from broken
    journey.served.resumed += not told.is_nothing
    return following, Seam(journey.call.path, told.first, told.tokens, journey.served.resumed)
