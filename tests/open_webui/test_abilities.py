"""What a model can is learned from its node, once for each weights, and never at the price of the probe."""

import asyncio
import time
from collections.abc import Iterator

import aiohttp
import pytest

from cluster_ai.gateway.nodes.abilities import ASKED_AT_ONCE, LOOKS_TO_REST, Abilities
from cluster_ai.gateway.types import ModelView
from tests.fakes.fleet import FakeNode, Fleet

pytestmark = pytest.mark.real
BARE = ModelView(name="bare:1b", digest="a" * 64)
ABLE = ModelView(name="able:1b", digest="b" * 64)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(1) as started:
        yield started


@pytest.fixture
def node(fleet: Fleet) -> FakeNode:
    fleet.default()
    node = fleet.nodes[0]
    rows = [{"name": BARE.name, "capabilities": ["completion"]}, {"name": ABLE.name, "capabilities": ["tools"]}]
    node.set(models=rows)
    return node


def told(abilities: Abilities, url: str, *models: ModelView) -> list[tuple[str, ...]]:
    async def work() -> list[tuple[str, ...]]:
        async with aiohttp.ClientSession() as session:
            return [model.capabilities for model in await abilities.told(session, url, models)]

    return asyncio.run(work())


def asked(node: FakeNode) -> int:
    return node.counters().paths.get("/api/show", 0)


def test_models_come_back_with_what_they_can(node: FakeNode) -> None:
    assert told(Abilities(), node.url, BARE, ABLE) == [("completion",), ("tools",)]


def test_weights_are_asked_about_once(node: FakeNode) -> None:
    abilities = Abilities()
    copy = ABLE.model_copy(update={"name": "the-same-under-another-name:1b"})
    for _ in range(3):
        told(abilities, node.url, BARE, ABLE)
    assert told(abilities, node.url, copy) == [("tools",)]
    assert asked(node) == 2


def test_node_that_says_it_in_its_list_is_not_asked(node: FakeNode) -> None:
    says = BARE.model_copy(update={"capabilities": ("completion", "vision")})
    assert told(Abilities(), node.url, says) == [("completion", "vision")]
    assert asked(node) == 0


def test_model_without_a_digest_is_not_asked_about(node: FakeNode) -> None:
    assert told(Abilities(), node.url, ModelView(name=ABLE.name)) == [()]
    assert asked(node) == 0


def test_long_lists_are_learned_bit_by_bit(node: FakeNode) -> None:
    names = [f"model-{number}:1b" for number in range(ASKED_AT_ONCE + 3)]
    node.set(models=names)
    models = [ModelView(name=name, digest=name) for name in names]
    abilities = Abilities()
    assert [bool(can) for can in told(abilities, node.url, *models)] == [True] * ASKED_AT_ONCE + [False] * 3
    assert all(told(abilities, node.url, *models))


@pytest.mark.parametrize("fault", [{"probe": "hang"}, {"probe": "fin"}, {"probe": "garbage"}, {"probe_status": 503}])
def test_node_that_fails_at_it_costs_a_second_once_and_is_asked_again_later(
    node: FakeNode, fault: dict[str, object]
) -> None:
    abilities = Abilities()
    node.set(**fault)
    began = time.monotonic()
    for _ in range(LOOKS_TO_REST + 1):
        assert told(abilities, node.url, ABLE) == [()]
    assert asked(node) == 1
    assert time.monotonic() - began < 10
    node.default()
    node.set(models=[{"name": ABLE.name, "capabilities": ["tools"]}])
    assert told(abilities, node.url, ABLE) == [("tools",)]


def test_node_that_knows_no_such_path_is_asked_once(node: FakeNode) -> None:
    abilities = Abilities()
    node.set(probe_status=404)
    assert told(abilities, node.url, ABLE) == [()]
    before = asked(node)
    assert told(abilities, node.url, ABLE) == [()]
    assert asked(node) == before
