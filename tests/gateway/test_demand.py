"""What is asked of the whole cluster: rates that fade, lengths by class, calls to come."""

import pytest

from cluster_ai.gateway.nodes.demand import FOLLOW_SECONDS, FOLLOWING, HALF_LIFE_SECONDS, TOKENS, Demand
from cluster_ai.keys.types import Priority


def test_a_rate_follows_what_is_asked_and_fades() -> None:
    demand = Demand()
    for second in range(0, 6 * int(HALF_LIFE_SECONDS), 10):
        demand.asked("m", Priority.INTERACTIVE, float(second))
    now = 6 * HALF_LIFE_SECONDS
    assert demand.rate("m", now) == pytest.approx(0.1, rel=0.05)
    assert demand.rate("m", now + HALF_LIFE_SECONDS) == pytest.approx(0.05, rel=0.05)
    assert demand.rate("other", now) == 0.0


def test_what_nobody_waits_for_counts_for_less() -> None:
    demand = Demand()
    demand.asked("hot", Priority.INTERACTIVE, 0.0)
    demand.asked("calm", Priority.BATCH, 0.0)
    assert demand.rate("hot", 1.0) > 5 * demand.rate("calm", 1.0) > 0


def test_names_are_the_same_as_nodes_take_them_for() -> None:
    demand = Demand()
    demand.asked("Llama3", Priority.INTERACTIVE, 0.0)
    assert demand.rate("llama3:latest", 0.0) == demand.rate("LLAMA3", 0.0) > 0


def test_lengths_are_learned_by_model_and_class() -> None:
    demand = Demand()
    assert demand.output_tokens("m", Priority.BACKGROUND) == TOKENS
    demand.answered("m", Priority.BACKGROUND, 12)
    demand.answered("m", Priority.INTERACTIVE, 800)
    demand.answered("m", Priority.INTERACTIVE, 0)
    assert demand.output_tokens("m", Priority.BACKGROUND) == 12
    assert demand.output_tokens("m:latest", Priority.INTERACTIVE) == 800
    assert demand.output_tokens("other", Priority.INTERACTIVE) == TOKENS


def test_conversations_are_expected_to_go_on_and_forgotten_when_they_do_not() -> None:
    demand = Demand()
    assert demand.soon("m", 0.0) == 0.0
    demand.asked("m", Priority.INTERACTIVE, 0.0)
    assert FOLLOWING < demand.soon("m", 0.0) < 1.0
    assert demand.soon("m", 0.0) > 5 * demand.soon("m", 4 * FOLLOW_SECONDS) > 0.0


def test_calls_that_wait_are_sure_to_come() -> None:
    demand = Demand()
    demand.waits("m", Priority.INTERACTIVE)
    demand.waits("m", Priority.BACKGROUND)
    assert demand.soon("m", 0.0) == 1.25
    demand.waits("m", Priority.INTERACTIVE, -1)
    demand.waits("m", Priority.BACKGROUND, -1)
    assert demand.soon("m", 0.0) == 0.0
