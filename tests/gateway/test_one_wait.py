"""The wait for a place counts once, from a call's arrival, however often a busy node sends it back to the line."""

import asyncio
import time

import pytest

from cluster_ai.gateway.dialects.call import Call, read_call
from cluster_ai.gateway.dialects.paths import RELAYED
from cluster_ai.gateway.nodes.picture import Picture
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.placing.admission import Desk
from cluster_ai.gateway.placing.place import NEVER, Overloaded
from cluster_ai.gateway.placing.scorers import STRATEGIES
from cluster_ai.gateway.relaying.journey import Journey, served_of
from cluster_ai.gateway.relaying.retries import Retries
from cluster_ai.gateway.types import GatewaySettings, ModelView, Strategy

NODE = {"name": "n", "url": "http://127.0.0.1:1", "slots": 1}
SETTINGS = GatewaySettings.model_validate({"upstreams": [NODE], "queue_seconds": 60})
HOLDS = Picture("1", (ModelView(name="m:latest", loaded=True),))


def call() -> Call:
    return read_call(RELAYED["/api/chat"], b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}')


def pool_of_one() -> Pool:
    pool = Pool(SETTINGS, embedded_url=None, clock=time.monotonic)
    pool.all()[0].seen(HOLDS, time.monotonic())
    return pool


def journey(*, began: float) -> Journey:
    return Journey(call(), "m", served_of(call()), time.monotonic, began)


def test_a_call_that_comes_back_to_the_line_has_only_the_rest_of_its_time() -> None:
    async def story() -> float:
        pool = pool_of_one()
        desk = Desk(pool, SETTINGS, STRATEGIES[Strategy.EXPECTED_TIME](), clock=time.monotonic)
        await desk.place(call(), "m", {}, until=time.monotonic() + 60)
        came_back = journey(began=time.monotonic() - 59.7)
        came_back.avoid["n"] = NEVER
        until = Retries(pool, SETTINGS, clock=time.monotonic).waits_until(came_back)
        began = time.monotonic()
        with pytest.raises(Overloaded):
            await desk.place(call(), "m", came_back.avoid, until=until)
        return time.monotonic() - began

    assert 0.1 < asyncio.run(story()) < 5


def test_time_is_up_before_it_is_asked_for() -> None:
    async def story() -> None:
        pool = pool_of_one()
        desk = Desk(pool, SETTINGS, STRATEGIES[Strategy.EXPECTED_TIME](), clock=time.monotonic)
        late = time.monotonic() - 1
        place = await desk.place(call(), "m", {}, until=late)
        with pytest.raises(Overloaded):
            await desk.place(call(), "m", {}, until=late)
        desk.leave(place)
        await desk.place(call(), "m", {}, until=late)

    asyncio.run(story())
