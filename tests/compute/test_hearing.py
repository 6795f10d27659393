"""Silence is counted only while somebody could have been heard."""

import asyncio

import pytest

from cluster_ai.compute.hearing import Hearing, Silences


def test_silence_is_longer_than_the_limit() -> None:
    silences = Silences()
    assert silences.longer_than(3.0, {"a": 7.0, "b": 7.0}, 10.0) == [], "nobody is blamed for the time before"
    assert silences.longer_than(3.0, {"a": 7.0, "b": 9.0}, 13.0) == [], "the limit itself is none too long"
    assert silences.longer_than(3.0, {"a": 7.0, "b": 9.0}, 13.1) == ["a"]
    assert silences.of("a", 13.1) == pytest.approx(3.1)
    assert silences.longer_than(3.0, {"a": 13.2, "b": 9.0}, 16.1) == ["b"], "who speaks begins anew"


def test_clocks_that_are_set_make_nobody_silent() -> None:
    silences = Silences()
    silences.longer_than(3.0, {"a": 5.0}, 1.0)
    assert silences.longer_than(3.0, {"a": 1_700_000_000.0}, 2.0) == []
    assert silences.longer_than(3.0, {"a": 5.5}, 6.0) == [], "back, too"


def test_who_left_and_came_back_begins_anew() -> None:
    silences = Silences()
    silences.longer_than(3.0, {"a": 5.0}, 0.0)
    silences.longer_than(3.0, {}, 1.0)
    assert silences.longer_than(3.0, {"a": 5.0}, 9.0) == []
    assert silences.of("somebody", 9.0) == 0.0


def test_a_beat_counts_the_same_however_late_it_comes() -> None:
    async def beats() -> float:
        hearing = Hearing(0.25)
        for _ in range(4):
            await hearing.beat()
        return hearing.seconds

    assert asyncio.run(beats()) == 1.0


def test_an_answer_is_waited_for_by_that_clock_alone() -> None:
    async def asked() -> None:
        hearing = Hearing(0.01)
        asking = asyncio.create_task(hearing.within(0.02, asyncio.sleep(0.2, "here")))
        assert await asking == "here", "nobody beat, so no time went by"

        answer = asyncio.get_running_loop().create_future()

        async def waits() -> None:
            await answer

        asking = asyncio.create_task(hearing.within(0.02, waits()))
        await asyncio.sleep(0)
        await hearing.beat()
        await hearing.beat()
        with pytest.raises(TimeoutError):
            await asking
        assert answer.cancelled(), "nobody waits for it any more"

    asyncio.run(asked())


def test_what_goes_wrong_in_time_comes_out_as_it_is() -> None:
    async def fails() -> None:
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        asyncio.run(Hearing(0.01).within(1.0, fails()))
