"""What a load costs a node: what comes before it, what it throws out, and who is on the way out already."""

import asyncio

import pytest

from cluster_ai.gateway.dialects.prefix import chain_of
from cluster_ai.gateway.nodes.demand import Demand
from cluster_ai.gateway.nodes.lane import Lane, Load, Pace, new_lane
from cluster_ai.gateway.nodes.memory import Memory
from cluster_ai.gateway.nodes.swapping import Stock
from cluster_ai.gateway.types import GatewaySettings, ModelView

GB = 10**9
SIZES = {"small:latest": 2, "chat:latest": 5, "large:latest": 20}


def stock(*loaded: str) -> Stock:
    """A node with 22 GB for models."""
    models = {name: ModelView(name=name, size=size * GB, loaded=name in loaded) for name, size in SIZES.items()}
    lanes = {name: lane(model) for name, model in models.items()}
    memory = Memory(most=22 * GB, too_much=23 * GB)
    memory.seen({name: SIZES[name] * GB for name in loaded}, 0.0)
    return Stock(memory, "n", models, lanes, Demand())


def lane(model: ModelView) -> Lane:
    return new_lane(GatewaySettings(), model, slots=None, pace=Pace())


async def load_of(here: Stock, name: str) -> None:
    async def soon() -> None:
        return None

    here.lanes[name].load = Load(0.0, asyncio.create_task(soon()), waiting=1)


def test_a_place_is_free_when_enough_of_its_calls_have_ended() -> None:
    one = lane(ModelView(name="m", size=GB))
    for end in (30.0, 10.0, 20.0):
        one.taken_until(end)
    assert [one.free_seconds(slots, 5.0) for slots in (4, 3, 2, 1)] == [0.0, 5.0, 15.0, 25.0]
    one.left(10.0)
    assert (one.inflight, one.free_seconds(2, 5.0)) == (2, 15.0)
    one.learned.hold.add(8.0)
    assert one.free_seconds(2, 50.0) > 0.0, "those that are late have not ended"


def test_a_load_begins_when_what_it_throws_out_has_ended() -> None:
    here = stock("chat:latest")
    assert here.cost("large:latest", 0.0).blocked == 0.0
    here.lanes["chat:latest"].taken_until(12.0)
    assert here.cost("large:latest", 0.0).blocked == pytest.approx(12.0)
    assert here.cost("small:latest", 0.0).blocked == 0.0, "there is room for it"


def test_what_a_waiting_load_will_throw_out_is_on_its_way_already() -> None:
    here = stock("chat:latest", "small:latest")
    assert not here.foreseen().left
    asyncio.run(load_of(here, "large:latest"))
    ahead = here.foreseen()
    assert "chat:latest" in ahead.left
    assert "large:latest" in ahead.there
    assert here.cost("chat:latest", 0.0).blocked >= here.lanes["large:latest"].learned.load_seconds


def test_conversations_that_were_read_there_are_lost_with_the_model() -> None:
    here = stock("chat:latest")
    chat = here.lanes["chat:latest"]
    chat.learned.read_prompt(500, 1.0)
    cold = here.cost("large:latest", 0.0).evict
    chat.cache.saw(chain_of({"prompt": "x" * 8000}), room=1, now=0.0)
    assert here.cost("large:latest", 0.0).evict == pytest.approx(cold + 2000 / 500)
    assert here.cost("large:latest", 240.0).evict < cold + 2.0
