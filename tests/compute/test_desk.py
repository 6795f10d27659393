"""Scripts that people submit: run once, on some worker, with what they wrote and answered; ended on request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster_ai.compute.job_types import ENDED, JobDetail, JobRequest, JobState, JobView
from cluster_ai.compute.jobs_client import SchedulerJobs
from cluster_ai.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from tests.compute.parts import PATIENCE, Dask, dask, free_ports
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    with dask(tmp_path_factory.mktemp("desk"), workers=2) as started:
        yield started


def ask(parts: Dask, verb: Callable[[SchedulerJobs], Awaitable[Any]]) -> Any:
    async def once() -> Any:
        async with SchedulerJobs(parts.address) as jobs:
            return await verb(jobs)

    return asyncio.run(once())


def submit(parts: Dask, source: str, **more: Any) -> JobView:
    request = JobRequest(name="job.py", source=source, **more)
    return ask(parts, lambda jobs: jobs.submit(request))


def show(parts: Dask, job: JobView) -> JobDetail:
    return ask(parts, lambda jobs: jobs.job(job.id))


def ended(parts: Dask, job: JobView, *, seconds: float = 90) -> JobDetail:
    return until(
        lambda: found if (found := show(parts, job)).state in ENDED else None, seconds=seconds, what=f"{job.id} ends"
    )


def test_function_is_called_and_its_answer_comes_back(parts: Dask) -> None:
    source = "def add(a, b, *, times=1):\n    print('adding')\n    return {'sum': (a + b) * times}\n"
    found = ended(parts, submit(parts, source, function="add", args=(2, 3), kwargs={"times": 2}))
    assert (found.state, found.error, found.result) == (JobState.SUCCEEDED, "", {"sum": 10})
    assert found.output == "adding\n"
    assert found.worker in {"worker-0", "worker-1"}
    assert 0 < found.submitted_at <= found.started_at <= found.ended_at


def test_program_gets_its_arguments_and_none_of_our_environment(parts: Dask) -> None:
    source = "import os, sys\nprint(sys.argv[1:], [name for name in os.environ if name.startswith('CLUSTER_AI_')])\n"
    found = ended(parts, submit(parts, source, args=("x", 7)))
    assert found.state is JobState.SUCCEEDED
    assert found.output == "['x', '7'] []\n"
    assert found.result is None


@pytest.mark.parametrize(
    ("source", "function", "error", "output"),
    [
        ("raise ValueError('no')", "", "exit 1", "ValueError: no"),
        ("import os; os.abort()", "", "SIGABRT", ""),
        ("def f(): pass", "g", "exit 1", "no function g"),
        ("this is no python", "", "exit 1", "SyntaxError"),
    ],
)
def test_failures_say_how_and_show_what_was_written(
    parts: Dask, source: str, function: str, error: str, output: str
) -> None:
    found = ended(parts, submit(parts, source, function=function))
    assert (found.state, found.error) == (JobState.FAILED, error)
    assert output in found.output


def test_what_cannot_be_told_in_json_is_shown_as_python_shows_it(parts: Dask) -> None:
    found = ended(parts, submit(parts, "def f(): return {1, 2}", function="f"))
    assert found.result == "{1, 2}"


def test_output_is_bounded(parts: Dask) -> None:
    found = ended(parts, submit(parts, "for n in range(200_000): print(n)\nprint('the end')"))
    assert found.output.endswith("the end\n")
    assert len(found.output) <= 65_536


def test_script_that_takes_too_long_is_ended_with_all_that_it_started(parts: Dask, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    source = f"import subprocess, time\nchild = subprocess.Popen(['sleep', '1000'])\nopen({str(pid)!r}, 'w').write(str(child.pid))\ntime.sleep(1000)\n"
    found = ended(parts, submit(parts, source, seconds=2.0))
    assert (found.state, found.error) == (JobState.FAILED, "not done within 2 s")
    until(lambda: not psutil.pid_exists(int(pid.read_text())), seconds=PATIENCE, what="its child is gone")


def test_running_job_shows_what_it_wrote_so_far_and_can_be_cancelled(parts: Dask) -> None:
    job = submit(parts, "import time\nprint('begun', flush=True)\ntime.sleep(1000)\n")
    until(lambda: show(parts, job).output == "begun\n", seconds=PATIENCE, what="it writes")
    assert show(parts, job).state is JobState.RUNNING
    assert ask(parts, lambda jobs: jobs.cancel(job.id)).state is JobState.CANCELLED
    # Its thread is free again at once: both workers take new work.
    quick = [ended(parts, submit(parts, "print(1)"), seconds=50) for _ in range(2)]
    assert {one.state for one in quick} == {JobState.SUCCEEDED}
    with pytest.raises(Conflict, match="ended already"):
        ask(parts, lambda jobs: jobs.cancel(job.id))


def test_job_that_asks_for_what_nobody_has_waits_and_can_be_cancelled(parts: Dask) -> None:
    job = submit(parts, "print(1)", resources={"GPU": 1.0})
    time.sleep(0.5)
    assert show(parts, job).state is JobState.QUEUED
    assert ask(parts, lambda jobs: jobs.cancel(job.id)).state is JobState.CANCELLED


def test_list_names_the_newest_first_without_what_they_wrote(parts: Dask) -> None:
    first, second = submit(parts, "print(1)"), submit(parts, "print(2)")
    ended(parts, second)
    ended(parts, first)
    listed = ask(parts, lambda jobs: jobs.jobs())
    assert [job.id for job in listed[:2]] == [second.id, first.id]
    assert type(listed[0]) is JobView


def test_nothing_of_the_kind(parts: Dask, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        ask(parts, lambda jobs: jobs.job("nobody"))
    with pytest.raises(InvalidInput):
        ask(parts, lambda jobs: jobs._ask("cluster_ai_job_submit", request={"name": "x"}))
    away = Dask(tmp_path, ports=free_ports(6))
    with pytest.raises(Unavailable, match="connection refused"):
        ask(away, lambda jobs: jobs.jobs())


def test_script_whose_worker_died_is_lost_and_not_begun_again(parts: Dask, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    source = (
        f"import os, time\nopen({str(marks)!r}, 'a').write('x')\nprint(os.getpid(), flush=True)\ntime.sleep(1000)\n"
    )
    job = submit(parts, source)
    until(lambda: show(parts, job).output, seconds=PATIENCE, what="it runs")
    running = show(parts, job)
    index = int(running.worker.rpartition("-")[2])
    parts.workers[index].kill()
    parts.workers[index].wait()
    found = ended(parts, job)
    assert (found.state, found.error) == (JobState.LOST, "its worker died while it ran")
    assert marks.read_text() == "x", "once"
    until(lambda: not psutil.pid_exists(int(running.output)), seconds=PATIENCE, what="the script went with its worker")
    parts.start_worker(index)
    parts.wait_workers()


def test_jobs_outlive_the_scheduler(parts: Dask, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waits = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)\nprint('through')\n"
    running = [submit(parts, waits) for _ in range(2)]
    until(lambda: all(show(parts, job).state is JobState.RUNNING for job in running), seconds=PATIENCE, what="both run")
    queued = [submit(parts, "print('late')") for _ in range(3)]
    parts.lose_scheduler()
    parts.wait_workers()
    assert {ended(parts, job).state for job in queued} == {JobState.SUCCEEDED}
    for job in running:
        found = show(parts, job)
        assert (found.state, found.error) == (JobState.LOST, "the scheduler was started again while it ran")
    assert len(list((parts.scratch / "jobs").iterdir())) > 3
