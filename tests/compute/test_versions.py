"""A worker with other versions gets no task: it is sent away with a sentence that says which differ."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from cluster_ai.compute import versions
from cluster_ai.compute.admission import MOST_REFUSED, Admission
from cluster_ai.compute.versions import Difference, differences, here, of_dask, plain, refusal
from cluster_ai.compute.watch import SchedulerWatch
from tests.compute.parts import PATIENCE, Dask, workers_of
from tests.waiting import until

OURS = here("3f2a9c1d5e6f-py3.11-x86_64")


class FromThere:
    """A connection as the admission sees it."""

    peer_address = "tls://10.0.0.7:51234"


def test_what_is_compared_is_what_tasks_depend_on() -> None:
    assert OURS[versions.PYTHON] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert set(OURS) == {"python", "dask", "distributed", "cloudpickle", "msgpack", "tornado", "environment"}
    assert all(OURS.values())


def test_machines_of_another_architecture_share_an_environment() -> None:
    assert not differences(here("3f2a9c1d5e6f-py3.11-aarch64"), OURS)
    assert [one.what for one in differences(here("ffffffffffff-py3.11-x86_64"), OURS)] == ["environment"]


def test_what_the_scheduler_does_not_know_of_itself_is_not_asked() -> None:
    assert not differences(OURS, here(""))


def test_the_sentence_names_what_differs_and_what_to_do() -> None:
    found = differences({**OURS, "python": "3.12", "dask": ""}, {**OURS, "python": "3.11", "dask": "2026.8.0"})
    error = refusal("mouse-0", found)
    assert error.message == "the worker mouse-0 has python 3.12 instead of 3.11, dask unknown instead of 2026.8.0"
    assert "upgrade" in error.hint


@pytest.mark.parametrize("said", [None, 7, [], {"packages": None}, {"packages": {"dask": None}}, {"packages": "x"}])
def test_nonsense_counts_as_missing(said: Any) -> None:
    assert differences(of_dask(said), OURS)
    assert differences(plain(said), OURS)


def test_refused_workers_are_remembered_in_bounds_and_told_once() -> None:
    told: list[tuple[str, str, str]] = []
    admission = Admission("3f2a9c1d5e6f", lambda *words: told.append(words))
    for _ in range(3):
        answer = admission.ask(FromThere(), name="mouse-0", versions={**OURS, "dask": "1.0"})
    assert [Difference(*one).what for one in answer["differences"]] == ["dask"]
    assert [(kind, subject) for kind, subject, _ in told] == [("worker.refused", "mouse-0")]
    assert [(row["name"], row["address"]) for row in admission.view()] == [("mouse-0", "10.0.0.7")]
    assert admission.ask(FromThere(), name="mouse-0", versions=OURS) == {"differences": []}
    assert admission.view() == []
    for number in range(3 * MOST_REFUSED):
        admission.ask(FromThere(), name=f"mouse-{number}" * 50, versions={})
    assert len(admission.view()) == MOST_REFUSED
    assert max(len(row["name"]) for row in admission.view()) <= 128


STOCK = """
import asyncio, sys
from distributed import Worker

async def main():
    async with Worker(sys.argv[1], name="stock", host="127.0.0.1") as worker:
        await worker.finished()

asyncio.run(main())
"""


def seen(address: str) -> Any:
    async def once() -> Any:
        async with SchedulerWatch(address, "") as watch:
            return await watch.view()

    return asyncio.run(once())


@pytest.mark.real
def test_worker_of_another_environment_is_refused_before_it_starts_and_welcome_with_ours(tmp_path: Path) -> None:
    parts = Dask(tmp_path, seat={"environment": "aaaaaaaaaaaa-py3.11-x86_64"})
    try:
        parts.start_scheduler()
        parts.post = {"environment": "bbbbbbbbbbbb-py3.11-x86_64"}
        parts.start_worker(0)
        assert parts.workers[0].wait(timeout=PATIENCE) == 1
        assert "VersionsDiffer: the worker worker-0 has environment bbbbbbbbbbbb instead of aaaaaaaaaaaa" in parts.log(
            "worker-0"
        )
        assert "Start Nanny" not in parts.log("worker-0"), "nothing of it was started"
        view = seen(parts.address)
        assert [(one.name, one.address) for one in view.refused] == [("worker-0", "127.0.0.1")]
        assert "environment" in view.refused[0].why
        assert [(one.kind, one.subject) for one in view.notices] == [("worker.refused", "worker-0")]
        parts.post = {"environment": "aaaaaaaaaaaa-py3.11-x86_64"}
        parts.start_worker(0)
        parts.wait_workers()
        assert not seen(parts.address).refused
    finally:
        parts.stop()


@pytest.mark.real
def test_worker_that_does_not_ask_is_refused_when_it_registers(tmp_path: Path) -> None:
    parts = Dask(tmp_path, seat={"environment": "aaaaaaaaaaaa-py3.11-x86_64"})
    try:
        parts.start_scheduler()
        argv = [sys.executable, "-c", STOCK, parts.address]
        done = subprocess.run(argv, env=parts.environment(), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert "the worker stock has environment unknown instead of aaaaaaaaaaaa" in done.stderr
        with Client(parts.address, set_as_default=False) as client:
            assert not workers_of(client)
        until(
            lambda: [one.name for one in seen(parts.address).refused] == ["stock"],
            seconds=PATIENCE,
            what="it is remembered",
        )
    finally:
        parts.stop()
