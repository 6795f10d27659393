"""What it costs the calls to come that a node throws a model out: nothing where another has it, or nobody asks."""

import math

import pytest

from cluster_ai.gateway.nodes.homes import Home, Homes


def cluster(**homes: Home) -> Homes:
    found = Homes()
    for node, home in homes.items():
        found.tell(node, {"m": home})
    return found


FAST = Home(resident=True, call_seconds=1.0, load_seconds=10.0)
SLOW = Home(resident=True, call_seconds=3.0, load_seconds=20.0)
COLD = Home(resident=False, call_seconds=1.0, load_seconds=4.0)


def test_the_only_copy_is_loaded_again_if_anybody_asks() -> None:
    assert cluster(a=FAST).loss("m", "a", 2.0) == pytest.approx(10.0 * (1 - math.exp(-2.0)))
    assert cluster(a=FAST).loss("m", "a", 0.0) == 0.0
    assert cluster(a=FAST).loss("m", "a", 100.0) == pytest.approx(10.0)


def test_another_copy_takes_the_calls_as_fast_as_it_is() -> None:
    assert cluster(a=FAST, b=FAST).loss("m", "a", 2.0) == 0.0
    assert cluster(a=FAST, b=SLOW).loss("m", "a", 2.0) == pytest.approx(4.0), "two seconds more for each"
    assert cluster(a=FAST, b=SLOW).loss("m", "b", 2.0) == 0.0


def test_the_cheapest_load_makes_up_for_it_wherever_it_is() -> None:
    assert cluster(a=FAST, b=COLD).loss("m", "a", 100.0) == pytest.approx(4.0)
    assert cluster(a=FAST, b=SLOW, c=COLD).loss("m", "a", 100.0) == pytest.approx(4.0)


def test_a_node_that_is_gone_makes_up_for_nothing() -> None:
    homes = cluster(a=FAST, b=FAST)
    homes.tell("b", {})
    assert homes.loss("m", "a", 100.0) == pytest.approx(10.0)
    assert homes.loss("m", "b", 100.0) == homes.loss("other", "a", 100.0) == 0.0
