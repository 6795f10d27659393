"""Several brief attempts in one slot: each with its own end, whatever becomes of the others."""

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from cluster_ai.compute.tickets.batch import LONG_SECONDS
from cluster_ai.compute.tickets.doing import Doer, Nursery, Series
from cluster_ai.compute.tickets.line import Head, Line
from cluster_ai.compute.tickets.office import Office, Report
from cluster_ai.compute.tickets.runner import Outcome, Runner
from cluster_ai.compute.tickets.telling import Teller
from cluster_ai.compute.tickets.words import Errand
from tests.compute.small_api import SmallApi, small_api
from tests.waiting import until

pytestmark = pytest.mark.real
OK: dict[str, Any] = {"say": {"result": {"ok": True, "value": 7}}}


@pytest.fixture
def api() -> Iterator[SmallApi]:
    with small_api() as made:
        yield made


@pytest.fixture
def line(api: SmallApi) -> Iterator[Line]:
    with closing(Line(Head((api.url,)), seconds=5)) as made:
        yield made


def runner_in(folder: Path, line: Line) -> Runner:
    office = Office(line, "worker-0")
    doer = Doer(office, Nursery("tests.compute.small_child"), grace_seconds=0.2)
    return Runner(folder, doer, Teller(office, folder / "reports", seconds=0.3), life="first")


@pytest.fixture
def runner(line: Line, tmp_path: Path) -> Iterator[Runner]:
    made = runner_in(tmp_path / "tickets", line)
    made.open()
    yield made
    made.close()


def batch(api: SmallApi, *members: list[dict[str, Any]]) -> list[Errand]:
    """``t0``, ``t1``, ... with their steps."""
    for number, steps in enumerate(members):
        name = f"t{number}"
        api.orders[name] = {"ticket_id": name, "attempt": 1, "kind": "EXECUTE", "key": name}
        api.orders[name] |= {"parameters": {"steps": steps}, "limits": {"seconds": 60.0}}
    return [
        Errand(ticket_id=f"t{number}", attempt=1, token=f"tok{number}", worker="worker-0", lease_seconds=1.0, batch="b")
        for number in range(len(members))
    ]


def ends(api: SmallApi, count: int) -> dict[str, str]:
    """By ticket: its last verb, with the code of one that failed; waits until each has one."""
    names = [f"t{number}" for number in range(count)]
    last = {"complete", "fail", "return"}
    until(lambda: all(last & set(api.verbs(name)) for name in names), seconds=30, what=f"all are told: {api.said}")
    return {name: " ".join(_end(api, name)) for name in names}


def _end(api: SmallApi, name: str) -> Iterator[str]:
    verb = api.verbs(name)[-1]
    yield verb
    if verb == "fail":
        yield api.body(name, "fail")["code"]


def in_background(runner: Runner, errands: list[Errand]) -> threading.Thread:
    thread = threading.Thread(target=runner.run_batch, args=(errands,))
    thread.start()
    return thread


def pid(runner: Runner, name: str) -> int:
    return int((runner.folder / name / "pid").read_text())


def test_five_are_begun_with_one_question_done_in_one_process_and_told_together(api: SmallApi, runner: Runner) -> None:
    errands = batch(api, *[[{"note": "pid"}, OK]] * 5)
    assert runner.run_batch(errands) is Outcome.TOLD
    assert set(ends(api, 5).values()) == {"complete"}
    assert len({pid(runner, f"t{number}") for number in range(5)}) == 1
    assert api.questions[0] == ("start", 5)
    assert sum(count for verb, count in api.questions if verb == "end") == 5
    assert {(ticket, token) for ticket, _, _, token in api.said} == {(f"t{n}", f"tok{n}") for n in range(5)}
    assert all(api.body(f"t{number}", "complete")["seconds"] > 0 for number in range(5))


def test_what_left_nothing_has_no_folder_afterwards(api: SmallApi, runner: Runner) -> None:
    runner.run_batch(batch(api, [OK], [OK]))
    ends(api, 2)
    assert {path.name for path in runner.folder.iterdir()} <= {"reports"}


def test_a_process_that_dies_takes_only_the_one_that_it_does(api: SmallApi, runner: Runner) -> None:
    members = [[{"note": "pid"}, OK] for _ in range(5)]
    members[1] = [{"note": "pid"}, {"die": signal.SIGKILL}]
    runner.run_batch(batch(api, *members))
    assert ends(api, 5) == {f"t{n}": "fail child_died" if n == 1 else "complete" for n in range(5)}
    assert pid(runner, "t0") == pid(runner, "t1") != pid(runner, "t2") == pid(runner, "t4")


def test_a_process_that_ends_without_an_order_is_replaced(api: SmallApi, runner: Runner) -> None:
    last = {"say": {"result": {"ok": True}, "last": True}}
    runner.run_batch(batch(api, [{"note": "pid"}, last], [{"note": "pid"}, OK]))
    assert set(ends(api, 2).values()) == {"complete"}
    assert pid(runner, "t0") != pid(runner, "t1")


def test_a_cancel_of_the_one_that_runs_ends_it_alone(api: SmallApi, runner: Runner) -> None:
    thread = in_background(runner, batch(api, [OK], [{"note": "pid"}, {"sleep": 600}], [OK]))
    until((runner.folder / "t1" / "pid").exists, seconds=30, what="the second runs")
    assert runner.end("t1")
    thread.join(30)
    assert ends(api, 3) == {"t0": "complete", "t1": "fail cancelled", "t2": "complete"}


def test_one_that_is_cancelled_while_it_waits_is_not_begun(api: SmallApi, runner: Runner) -> None:
    thread = in_background(runner, batch(api, [{"note": "pid"}, {"wait_for": "go"}, OK], [{"note": "pid"}, OK], [OK]))
    until((runner.folder / "t0" / "pid").exists, seconds=30, what="the first runs")
    assert runner.busy() == 3
    assert runner.end("t1")
    (runner.folder / "t0" / "go").touch()
    thread.join(30)
    assert ends(api, 3) == {"t0": "complete", "t1": "fail cancelled", "t2": "complete"}
    assert not (runner.folder / "t1" / "pid").exists()


def test_those_behind_a_long_one_are_handed_back_and_it_goes_on(api: SmallApi, runner: Runner) -> None:
    thread = in_background(runner, batch(api, [OK], [{"note": "pid"}, {"wait_for": "go"}, OK], [OK], [OK]))
    for name in ("t2", "t3"):
        api.wait(name, "return")
    assert "complete" not in api.verbs("t1")
    (runner.folder / "t1" / "go").touch()
    thread.join(30)
    assert ends(api, 4) == {"t0": "complete", "t1": "complete", "t2": "return", "t3": "return"}
    assert not (runner.folder / "t2" / ".begun-1").exists()
    assert api.body("t2", "return")["seconds"] >= LONG_SECONDS, "that the first was long is known at once"


def test_words_go_to_the_ticket_that_said_them(api: SmallApi, runner: Runner) -> None:
    members = [
        [{"say": {"log": f"line of {number}"}}, {"write": f"loose words of {number}\n"}, OK] for number in range(3)
    ]
    runner.run_batch(batch(api, *members))
    ends(api, 3)
    for number in range(3):
        told = [body for name, verb, body, _ in api.said if (name, verb) == (f"t{number}", "progress")]
        assert sorted(line for body in told for line in body["lines"]) == [
            f"line of {number}",
            f"loose words of {number}",
        ]


def test_half_a_line_is_told_with_the_ticket_that_wrote_it(api: SmallApi, runner: Runner) -> None:
    runner.run_batch(batch(api, [{"write": "half"}, OK], [{"write": "whole\n"}, OK]))
    ends(api, 2)
    assert api.body("t0", "progress")["lines"] == ["half"]
    assert api.body("t1", "progress")["lines"] == ["whole"]


def test_late_words_of_one_that_is_over_are_nobodys(api: SmallApi, runner: Runner) -> None:
    late = {"say": {"of": 1, "log": "late"}}
    runner.run_batch(batch(api, [OK], [late, OK]))
    ends(api, 2)
    assert "progress" not in api.verbs("t1")


def test_one_that_is_refused_spoils_no_other(api: SmallApi, runner: Runner) -> None:
    api.refuses["t1", "start"] = (409, "stale_attempt")
    api.refuses["t2", "complete"] = (409, "stale_attempt")
    runner.run_batch(batch(api, [OK], [{"note": "pid"}, OK], [OK], [OK]))
    api.wait("t3", "complete")
    assert [api.verbs(f"t{number}") for number in range(4)] == [
        ["start", "complete"],
        ["start"],
        ["start", "complete"],
        ["start", "complete"],
    ]
    assert not (runner.folder / "t1").exists()


def test_what_was_begun_before_is_not_begun_again(api: SmallApi, runner: Runner) -> None:
    errands = batch(api, [{"say": {"result": {"ok": False, "code": "no"}}}], [OK])
    runner.run_batch(errands)
    ends(api, 2)
    runner.run_batch(errands)
    api.said.clear()
    assert runner.wait_idle(30)
    assert "fail" not in api.verbs("t0")


def test_reports_that_nobody_takes_wait_on_disk_and_are_sent_when_the_api_is_back(
    api: SmallApi, runner: Runner
) -> None:
    errands = batch(api, [{"note": "pid"}, {"wait_for": "go"}, OK], [OK])
    thread = in_background(runner, errands)
    until((runner.folder / "t0" / "pid").exists, seconds=30, what="it runs")
    api.stop()
    (runner.folder / "t0" / "go").touch()
    thread.join(30)
    reports = runner.folder / "reports"
    until(lambda: len(list(reports.glob("*.json"))) == 2, seconds=30, what="both are on disk")
    api.start()
    assert set(ends(api, 2).values()) == {"complete"}
    until(lambda: not list(reports.glob("*.json")), seconds=30, what="nothing waits")


def test_a_worker_that_closes_tells_what_was_done_and_hands_back_the_rest(
    api: SmallApi, line: Line, tmp_path: Path
) -> None:
    runner = runner_in(tmp_path / "closing", line)
    runner.open()
    thread = in_background(runner, batch(api, [OK], [{"note": "pid"}, {"sleep": 600}], [OK]))
    until((runner.folder / "t1" / "pid").exists, seconds=30, what="the second runs")
    runs = pid(runner, "t1")
    runner.close(10)
    # Nothing is sent after this.
    said = len(api.said)
    assert ends(api, 3) == {"t0": "complete", "t1": "fail worker_stopped", "t2": "return"}
    assert len(api.said) == said
    assert not psutil.pid_exists(runs)
    thread.join(30)


def test_one_whose_folder_cannot_be_made_is_the_workers_fault_and_spoils_no_other(
    api: SmallApi, runner: Runner
) -> None:
    runner.folder.mkdir(parents=True, exist_ok=True)
    (runner.folder / "t1").write_text("in the way")
    runner.run_batch(batch(api, [OK], [OK], [OK]))
    assert ends(api, 3) == {"t0": "complete", "t1": "fail worker_disk", "t2": "complete"}


def test_a_thread_that_cannot_be_started_is_started_with_the_next_report(
    api: SmallApi, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    report = Report("t0", 1, "complete", {"attempt": 1, "result": 1, "artefacts": []})
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no)
        runner.teller.post.put(report, "tok0")
    runner.teller.post.put(replace(report, ticket_id="t1"), "tok1")
    assert runner.teller.post.wait(5)
    assert api.verbs("t0") == api.verbs("t1") == ["complete"]


def test_a_process_that_cannot_be_listened_to_is_ended(
    api: SmallApi, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.run_batch(batch(api, [OK]))
    warm = runner.doer.nursery._warm
    assert warm is not None
    open_before = psutil.Process().num_fds()

    def no() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("cluster_ai.compute.tickets.pipes.selectors.DefaultSelector", no)
        with Series(runner.doer.nursery) as series, pytest.raises(OSError, match="too many"):
            series.do(runner.folder, cast("Any", None))
    assert psutil.Process().num_fds() == open_before
    until(lambda: not psutil.Process(warm.pid).children(), seconds=10, what="the process has ended")
