"""What happened in Dask is told in bounds: a million failing tasks are one notice a while."""

import asyncio

import pytest
from distributed import Client

from cluster_ai.compute.notices import ERRED, ERRED_SECONDS, KEPT, LEFT, LOST, MOST_PREFIXES, Board
from cluster_ai.compute.types import ComputeView
from cluster_ai.compute.watch import SchedulerWatch
from tests.compute.parts import HOLD_THE_GIL, PATIENCE, Dask
from tests.waiting import until


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_errors_of_one_prefix_make_one_notice_a_while_and_none_is_forgotten() -> None:
    clock = Clock()
    board = Board(clock)
    for _ in range(5000):
        board.erred("train", "ValueError")
    board.erred("other", "OSError")
    assert [(one["subject"], one["count"]) for one in board.latest()] == [("train", 1), ("other", 1)]
    clock.now += ERRED_SECONDS
    assert [(one["subject"], one["count"]) for one in board.latest()][2:] == [("train", 4999)]
    assert board.totals[ERRED] == 5001
    clock.now += ERRED_SECONDS
    assert len(board.latest()) == 3


def test_notices_are_numbered_and_bounded() -> None:
    board = Board(Clock())
    for number in range(3 * KEPT):
        board.put(LOST, f"worker-{number}" * 100)
    latest = board.latest()
    assert [one["number"] for one in latest] == list(range(2 * KEPT + 1, 3 * KEPT + 1))
    assert max(len(one["subject"]) for one in latest) <= 200
    for number in range(3 * MOST_PREFIXES):
        board.erred(f"task-{number}", "E")
    assert len(board._erred) == MOST_PREFIXES


def look(parts: Dask) -> ComputeView:
    """What the scheduler says, as soon as it has time to."""

    async def once() -> ComputeView:
        async with SchedulerWatch(parts.address, "") as watch:
            while not (view := await watch.view()).reachable:
                await asyncio.sleep(0.1)
            return view

    return asyncio.run(asyncio.wait_for(once(), PATIENCE))


@pytest.mark.real
@pytest.mark.timeout(900)
def test_workers_that_leave_are_told_from_those_that_are_lost_and_failures_are_counted(cluster: Dask) -> None:
    def news(before: ComputeView) -> list[tuple[str, str]]:
        newest = max((one.number for one in before.notices), default=0)
        return [(one.kind, one.subject) for one in look(cluster).notices if one.number > newest]

    start = look(cluster)
    cluster.workers[0].terminate()
    cluster.workers[0].wait(timeout=PATIENCE)
    until(lambda: (LEFT, "worker-0") in news(start), seconds=PATIENCE, what="it left")
    cluster.start_worker(0)
    cluster.wait_workers()
    later = look(cluster)
    cluster.workers[1].kill()
    cluster.workers[1].wait()
    until(lambda: (LOST, "worker-1") in news(later), seconds=PATIENCE, what="it was lost")
    cluster.start_worker(1)
    cluster.wait_workers()
    with Client(cluster.address, set_as_default=False) as client:
        futures = client.map(int, ["x"] * 200, pure=False, key=[f"misread-{n}" for n in range(200)])
        until(lambda: all(future.done() for future in futures), seconds=PATIENCE, what="all of them failed")
        after = look(cluster)
    told = [one for one in after.notices if one.subject == "misread"]
    assert 1 <= len(told) < 10, "one for each while that it took, and not for each task"
    assert told[0].detail == "ValueError", "and not what the value was"
    assert after.happened[ERRED] - start.happened[ERRED] == 200


@pytest.mark.real
@pytest.mark.timeout(900)
def test_worker_that_is_stopped_while_a_task_holds_the_gil_has_left(cluster: Dask) -> None:
    def told() -> list[str]:
        newest = max((one.number for one in start.notices), default=0)
        return [one.kind for one in look(cluster).notices if one.number > newest and one.subject == "worker-0"]

    def is_mute() -> bool:
        return any(one.name == "worker-0" and one.last_seen_seconds > 2 for one in look(cluster).workers)

    with Client(cluster.address, set_as_default=False, timeout=PATIENCE) as client:
        held = client.submit(exec, HOLD_THE_GIL.format(seconds=60), pure=False, workers=["worker-0"])
        until(is_mute, seconds=PATIENCE, what="it says nothing any more")
        start = look(cluster)
        cluster.workers[0].terminate()
        cluster.workers[0].wait(timeout=PATIENCE)
        assert until(told, seconds=PATIENCE, what="somebody hears of it") == [LEFT]
        held.cancel()
    cluster.start_worker(0)
    cluster.wait_workers()
