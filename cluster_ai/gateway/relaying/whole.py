"""Answers in one piece. Nothing is shown before all of it is here, so every failure may be tried again."""

from collections.abc import Mapping
from typing import Any

import orjson

from cluster_ai.gateway.dialects.aggregate import whole_of
from cluster_ai.gateway.relaying.attempt import Broken, Trial
from cluster_ai.gateway.relaying.journey import Journey
from cluster_ai.gateway.relaying.patience import silence_of
from cluster_ai.gateway.relaying.reply import JSON, Reply, passed
from cluster_ai.gateway.relaying.walk import Walk


async def whole(walk: Walk, journey: Journey) -> Reply:
    """The answer of the first node that comes to its end.

    Raises:
        UnknownModel, NoNode: none did.
        Overloaded: there is no place.
    """
    while True:
        trial = await walk.first(journey, journey.call)
        if trial is None or not trial.streams:
            return in_one_piece(walk, journey, trial)
        try:
            body = await _put_together(walk, journey, trial)
        except Broken as exc:
            walk.give_up(journey, trial, str(exc))
            if not await walk.may_go_on(journey):
                raise walk.cause(journey) from exc
        else:
            walk.end(journey, trial)
            return Reply(trial.status, passed(trial.headers) | {"content-type": JSON}, journey.served, body)


def in_one_piece(walk: Walk, journey: Journey, trial: Trial | None) -> Reply:
    """An answer that no node streams, or a refusal that is the client's to see."""
    if trial is not None:
        journey.usage.read(_object(trial.whole))
        walk.end(journey, trial)
        return Reply(trial.status, passed(trial.headers), journey.served, trial.whole)
    refused = journey.refused
    assert refused is not None, "without an answer there is a refusal"
    later = refused.retry_after or ("1" if refused.is_busy else "")
    headers = {"content-type": JSON, **({"retry-after": later} if later else {})}
    return Reply(refused.status, headers, journey.served, refused.body)


async def _put_together(walk: Walk, journey: Journey, trial: Trial) -> bytes:
    answer = whole_of(journey.call.path.path)
    journey.begin_anew()
    async for batch in trial.records(silence=silence_of(journey.call, trial.place.lane, most=walk.idle_seconds)):
        journey.hear(batch, None)
        for record in batch:
            if record.data is not None:
                answer.add(record.data)
    return answer.body()


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
