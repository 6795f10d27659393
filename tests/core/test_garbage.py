"""Imports without searches for garbage."""

import asyncio
import gc

import pytest

from cluster_ai.core import errors, garbage
from cluster_ai.core.garbage import kept, rarely_searched
from cluster_ai.core.late import late


def _searches() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def test_nothing_is_searched_in_the_block_and_what_it_made_is_left_alone() -> None:
    before, frozen = _searches(), gc.get_freeze_count()
    with kept():
        made = [[] for _ in range(10_000)]
    assert _searches() == before
    assert gc.get_freeze_count() >= frozen + len(made)


def test_the_collector_works_again_after_an_error() -> None:
    with pytest.raises(ImportError), kept():
        raise ImportError
    assert gc.isenabled()


def test_a_module_that_is_there_keeps_nothing_when_it_is_wanted_again() -> None:
    late("cluster_ai.core.errors")
    frozen = gc.get_freeze_count()
    made = [[number] for number in range(1_000)]
    assert late("cluster_ai.core.errors") is errors
    # What others drop meanwhile may go, and nothing comes.
    assert gc.get_freeze_count() <= frozen
    assert len(made) == 1_000


@pytest.mark.anyio
async def test_a_burst_is_not_searched_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "SETTLED_SECONDS", 0.05)
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    lasting = [[number] for number in range(2_000)]
    with rarely_searched():
        await asyncio.sleep(0.2)
        assert gc.get_freeze_count() >= frozen + len(lasting), "what is there after the start is left alone"
        before = gc.get_stats()[2]["collections"]
        burst = [[number] for number in range(50_000)]
        assert gc.get_stats()[2]["collections"] == before
    assert len(burst) == 50_000
    assert gc.get_threshold() == usual
