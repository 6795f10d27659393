"""A sensor that hangs or fails costs itself and nobody else."""

import asyncio
import threading
import time

import pytest

from cluster_ai.node_agent.sensing import Sensor

pytestmark = pytest.mark.anyio


async def test_a_reading_comes_from_a_thread_of_its_own() -> None:
    sensor = Sensor("thread", lambda: threading.current_thread().name, otherwise="")
    assert await sensor.ask() == "sensor thread"


async def test_one_that_hangs_is_left_alone_until_it_speaks_again() -> None:
    gate, asked = threading.Event(), []

    def read() -> str:
        asked.append(1)
        gate.wait(30)
        return "here"

    sensor = Sensor("hangs", read, otherwise="nothing", seconds=0.05)
    assert await sensor.ask() == "nothing"
    assert sensor.why == "no answer within 0.05 s"
    began = time.monotonic()
    assert [await sensor.ask() for _ in range(50)] == ["nothing"] * 50
    assert time.monotonic() - began < 2.0, "nobody waits for it a second time"
    assert len(asked) == 1, "no thread is started beside one that hangs"
    gate.set()
    async with asyncio.timeout(10):
        while await sensor.ask() != "here":
            await asyncio.sleep(0.01)
    assert sensor.why == ""


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("x"), ZeroDivisionError(), KeyError()])
async def test_one_that_fails_says_why(error: Exception) -> None:
    def read() -> int:
        raise error

    sensor = Sensor("fails", read, otherwise=7)
    assert await sensor.ask() == 7
    assert sensor.why


async def test_one_that_keeps_answers_what_it_read_last() -> None:
    said = iter([1, 2])
    sensor = Sensor("keeps", lambda: next(said, None) or int("x"), otherwise=0, keeps=True)
    assert [await sensor.ask() for _ in range(4)] == [1, 2, 2, 2]
    assert sensor.why


async def test_a_mistake_of_ours_comes_up() -> None:
    def read() -> int:
        raise AttributeError("typo")

    with pytest.raises(AttributeError, match="typo"):
        await Sensor("wrong", read, otherwise=0).ask()


async def test_whoever_gives_up_leaves_the_reading_to_its_thread() -> None:
    gate = threading.Event()
    sensor = Sensor("slow", lambda: gate.wait(30), otherwise=False, seconds=20)
    asking = asyncio.create_task(sensor.ask())
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await sensor.ask() is False, "it hangs still"
    gate.set()
