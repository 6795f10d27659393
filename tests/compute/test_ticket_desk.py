"""Attempts on real Dask: handed in once, to the worker that they are meant for, and never begun unless the API says so."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from cluster_ai.compute.tickets.transport import SchedulerAway, SchedulerTickets
from cluster_ai.compute.tickets.words import Errand, Sight
from tests.compute.parts import Dask, dask
from tests.compute.small_api import SmallApi, small_api
from tests.waiting import until

pytestmark = pytest.mark.real
T = TypeVar("T")
ORDER = {"kind": "EXECUTE", "attempt": 1, "parameters": {"argv": ["/bin/true"], "trusted": True}}


@pytest.fixture(scope="module")
def api() -> Iterator[SmallApi]:
    with small_api() as made:
        yield made


@pytest.fixture(scope="module")
def parts(api: SmallApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    scratch = tmp_path_factory.mktemp("tickets")
    with dask(scratch) as made:
        made.workers[0].terminate()
        made.workers[0].wait()
        made.post = {"api": [api.url]}
        made.env = {"CLUSTER_AI_EXECUTORS__SANDBOX": "none", "CLUSTER_AI_EXECUTORS__TRUSTED_KINDS": '["EXECUTE"]'}
        made.env["CLUSTER_AI_HOME"] = str(scratch / "home")
        made.start_worker(0)
        made.wait_workers()
        yield made


def ask(parts: Dask, how: Callable[[SchedulerTickets], Awaitable[T]]) -> T:
    async def asked() -> T:
        async with SchedulerTickets(parts.address) as desk:
            return await how(desk)

    return asyncio.run(asked())


def look(parts: Dask) -> Sight:
    return ask(parts, lambda desk: desk.look())


def errand(api: SmallApi, name: str, **more: object) -> Errand:
    api.orders[name] = {**ORDER, "ticket_id": name, "key": name}
    known = {"ticket_id": name, "attempt": 1, "token": "tok", "worker": "worker-0", "lease_seconds": 5.0}
    return Errand.model_validate(known | more)


def test_an_attempt_is_done_and_let_go_of(api: SmallApi, parts: Dask) -> None:
    one = errand(api, "first")
    taken = ask(parts, lambda desk: desk.submit([one]))
    assert not taken.refused
    api.wait("first", "complete", seconds=60)
    until(lambda: one.key not in look(parts).held, seconds=20, what="nobody holds it")
    assert api.body("first", "start")["worker"] == "worker-0"
    assert api.body("first", "start")["life"] == look(parts).workers[0].life


def test_handed_in_again_while_it_is_held_it_is_begun_once(api: SmallApi, parts: Dask) -> None:
    one = errand(api, "twice")
    api.orders["twice"]["parameters"] = {"argv": ["/bin/sleep", "1"], "trusted": True}
    for _ in range(3):
        ask(parts, lambda desk: desk.submit([one]))
    api.wait("twice", "complete", seconds=60)
    assert api.verbs("twice").count("start") == 1


def test_a_worker_that_is_not_there_takes_nothing(api: SmallApi, parts: Dask) -> None:
    one = errand(api, "nobody", worker="worker-9")
    assert ask(parts, lambda desk: desk.submit([one])).refused == {one.key: "worker-9 is not here"}
    assert one.key not in look(parts).held


def test_what_runs_is_ended_at_its_worker_and_what_waits_is_dropped(api: SmallApi, parts: Dask) -> None:
    runs, waits = errand(api, "runs"), errand(api, "waits")
    api.orders["runs"]["parameters"] = {"argv": ["/bin/sleep", "600"], "trusted": True}
    ask(parts, lambda desk: desk.submit([runs, waits]))
    api.wait("runs", "start", seconds=60)
    assert ask(parts, lambda desk: desk.cancel("waits", 1, "worker-0"))
    until(lambda: ask(parts, lambda desk: desk.cancel("runs", 1, "worker-0")), seconds=20, what="it is ended")
    api.wait("runs", "fail", seconds=60)
    assert api.body("runs", "fail")["code"] == "cancelled"
    until(lambda: not look(parts).held, seconds=20, what="nothing is held")
    assert "start" not in api.verbs("waits")


def test_a_batch_is_one_task_and_each_of_it_is_held_until_it_is_over(api: SmallApi, parts: Dask) -> None:
    some = [errand(api, f"b{number}", batch="one") for number in range(3)]
    api.orders["b0"]["parameters"] = {"argv": ["/bin/sleep", "0.5"], "trusted": True}
    assert not ask(parts, lambda desk: desk.submit(some)).refused
    assert {one.key for one in some} <= look(parts).held
    # Handed in again, it is begun once.
    assert not ask(parts, lambda desk: desk.submit(some)).refused
    for one in some:
        api.wait(one.ticket_id, "complete", seconds=60)
    until(lambda: not look(parts).held, seconds=20, what="nothing is held")
    assert api.questions.count(("start", 3)) == 1
    assert all(api.verbs(one.ticket_id) == ["start", "complete"] for one in some)


def test_a_cancel_ends_one_of_a_batch_alone(api: SmallApi, parts: Dask) -> None:
    some = [errand(api, f"c{number}", batch="two") for number in range(3)]
    api.orders["c0"]["parameters"] = {"argv": ["/bin/sleep", "600"], "trusted": True}
    ask(parts, lambda desk: desk.submit(some))
    api.wait("c0", "start", seconds=60)
    assert ask(parts, lambda desk: desk.cancel("c1", 1, "worker-0"))
    until(lambda: ask(parts, lambda desk: desk.cancel("c0", 1, "worker-0")), seconds=20, what="it is ended")
    for name in ("c0", "c1"):
        api.wait(name, "fail", seconds=60)
    assert {api.body(name, "fail")["code"] for name in ("c0", "c1")} == {"cancelled"}
    until(lambda: {"complete", "return"} & set(api.verbs("c2")), seconds=60, what="the third goes on, or comes back")
    until(lambda: not look(parts).held, seconds=20, what="nothing is held")


def test_another_life_of_the_scheduler_is_told_apart_and_knows_nothing(api: SmallApi, parts: Dask) -> None:
    before = look(parts)
    parts.lose_scheduler()
    parts.wait_workers()
    after = until(lambda: (found := look(parts)).workers and found, seconds=60, what="the worker is back",
                  bears=(SchedulerAway,))  # fmt: skip
    assert after.life != before.life
    assert after.workers[0].life != before.workers[0].life
    one = errand(api, "after")
    ask(parts, lambda desk: desk.submit([one]))
    api.wait("after", "complete", seconds=60)


def test_nobody_at_the_address_is_said_to_be_away() -> None:
    async def asked() -> None:
        async with SchedulerTickets("127.0.0.1:9") as desk:
            with pytest.raises(SchedulerAway):
                await desk.look()

    asyncio.run(asked())
