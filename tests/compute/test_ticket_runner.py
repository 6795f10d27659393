"""An attempt on a worker: begun only when the API says so, ended when it says so, and told whatever happens."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster_ai.compute.tickets.doing import Doer, Nursery
from cluster_ai.compute.tickets.line import Head, Line
from cluster_ai.compute.tickets.office import Office
from cluster_ai.compute.tickets.runner import Outcome, Runner
from cluster_ai.compute.tickets.telling import Teller
from cluster_ai.compute.tickets.words import Errand
from cluster_ai.executors.places import holding
from tests.compute.small_api import SmallApi, small_api
from tests.waiting import until

pytestmark = pytest.mark.real
OK = {"say": {"result": {"ok": True, "value": 7}}}


@pytest.fixture
def api() -> Iterator[SmallApi]:
    with small_api() as made:
        yield made


def runner_in(folder: Path, office: Office) -> Runner:
    doer = Doer(office, Nursery("tests.compute.small_child"), grace_seconds=0.2)
    return Runner(folder, doer, Teller(office, folder / "reports", seconds=0.3), life="first")


@pytest.fixture
def runner(api: SmallApi, tmp_path: Path) -> Iterator[Runner]:
    line = Line(Head((api.url,)), seconds=5)
    made = runner_in(tmp_path / "tickets", Office(line, "worker-0"))
    made.open()
    yield made
    made.close()
    line.close()


def order(api: SmallApi, *steps: dict[str, Any], name: str = "t1", **limits: Any) -> Errand:
    api.orders[name] = {
        "ticket_id": name,
        "attempt": 1,
        "kind": "EXECUTE",
        "key": name,
        "parameters": {"steps": list(steps)},
        "limits": {"seconds": 60.0, **limits},
        "gateway_key": "secret",
    }
    return Errand(ticket_id=name, attempt=1, token="tok", worker="worker-0", lease_seconds=1.0)


def test_what_it_gives_is_told_and_its_folder_goes(api: SmallApi, runner: Runner) -> None:
    assert runner.run(order(api, OK)) is Outcome.TOLD
    assert api.verbs("t1") == ["start", "complete"]
    assert api.body("t1", "complete")["result"] == 7
    assert not (runner.folder / "t1").exists()
    assert {token for *_, token in api.said} == {"tok"}


def test_what_it_leaves_stays_for_the_next_attempt_but_the_order_with_its_key_goes(
    api: SmallApi, runner: Runner
) -> None:
    failed = {"say": {"result": {"ok": False, "code": "exit_nonzero", "error": "no", "retry_after": 3.0}}}
    runner.run(order(api, {"note": "checkpoint"}, failed))
    assert api.verbs("t1") == ["start", "fail"]
    said = api.body("t1", "fail")
    assert (said["code"], said["error"], said["retryable"], said["retry_after"]) == ("exit_nonzero", "no", True, 3.0)
    assert {path.name for path in (runner.folder / "t1").iterdir()} == {"checkpoint", ".begun-1", ".lock"}


def test_an_attempt_that_dask_brings_again_is_not_begun_again(api: SmallApi, runner: Runner) -> None:
    errand = order(api, {"say": {"result": {"ok": False}}})
    assert runner.run(errand) is Outcome.TOLD
    assert runner.run(errand) is Outcome.REFUSED
    assert api.verbs("t1") == ["start", "fail", "start"]
    again = errand.model_copy(update={"attempt": 2})
    api.orders["t1"]["attempt"] = 2
    assert runner.run(again) is Outcome.TOLD


def test_while_an_older_attempt_has_the_folder_the_next_one_works_beside_it(api: SmallApi, runner: Runner) -> None:
    errand = order(api, {"note": "pid"}, {"wait_for": "go"}, OK)
    thread = threading.Thread(target=runner.run, args=(errand,))
    thread.start()
    own = runner.folder / "t1"
    until((own / "pid").exists, seconds=30, what="it runs")
    api.orders["t1"] |= {"attempt": 2, "parameters": {"steps": [{"note": "second"}, OK]}}
    # Another worker of the same machine.
    other = runner_in(runner.folder, runner.doer.office)
    with closing(other):
        assert other.run(errand.model_copy(update={"attempt": 2})) is Outcome.TOLD
    assert api.verbs("t1") == ["start", "start", "complete"]
    assert (holding(runner.folder, "t1"), (own / "second").exists()) == (runner.folder / "t1.2", False)
    assert (runner.folder / "t1.2" / "second").exists()
    (own / "go").touch()
    thread.join(30)


def test_an_attempt_that_is_given_twice_works_once(api: SmallApi, runner: Runner) -> None:
    errand = order(api, {"note": "pid"}, {"wait_for": "go"}, OK)
    thread = threading.Thread(target=runner.run, args=(errand,))
    thread.start()
    until((runner.folder / "t1" / "pid").exists, seconds=30, what="it runs")
    other = runner_in(runner.folder, runner.doer.office)
    assert other.run(errand) is Outcome.REFUSED
    (runner.folder / "t1" / "go").touch()
    thread.join(30)
    assert api.verbs("t1") == ["start", "start", "complete"]


def test_what_was_cancelled_before_it_began_does_nothing(api: SmallApi, runner: Runner) -> None:
    errand = order(api, {"note": "began"}, OK)
    api.cancelled.add("t1")
    runner.run(errand)
    assert api.body("t1", "fail")["code"] == "cancelled"
    assert not (runner.folder / "t1" / "began").exists()


@pytest.mark.parametrize(("status", "code"), [(409, "stale_attempt"), (403, "ticket_token_scope"), (404, "no_such")])
def test_nothing_is_done_when_the_api_says_no(api: SmallApi, runner: Runner, status: int, code: str) -> None:
    errand = order(api, {"note": "began"}, OK)
    api.refuses["t1", "start"] = (status, code)
    assert runner.run(errand) is Outcome.REFUSED
    assert api.verbs("t1") == ["start"]
    assert not (runner.folder / "t1").exists()


def test_nothing_is_done_while_nobody_says_whether_it_may(api: SmallApi, runner: Runner) -> None:
    errand = order(api, {"note": "began"}, OK)
    api.stop()
    assert runner.run(errand) is Outcome.AWAY
    assert not (runner.folder / "t1").exists()


def test_progress_and_lines_come_in_order_before_the_end(api: SmallApi, runner: Runner) -> None:
    lines = [{"say": {"log": f"line {number}"}} for number in range(300)]
    runner.run(order(api, {"say": {"progress": 0.5, "note": "half"}}, *lines, {"write": "loose words\n"}, OK))
    told = [body for _, verb, body, _ in api.said if verb == "progress"]
    assert {body["progress"] for body in told} >= {0.5}
    found = [line for body in told for line in body["lines"]]
    assert [line for line in found if line.startswith("line")] == [f"line {number}" for number in range(300)]
    assert "loose words" in found
    assert api.verbs("t1")[-1] == "complete"
    assert max(len(body["lines"]) for body in told) <= 200


def test_a_flood_of_lines_is_bounded_and_counted(api: SmallApi, runner: Runner) -> None:
    flood = {"write": "".join(f"{number}\n" for number in range(5000))}
    runner.run(order(api, flood, OK))
    told = [body for _, verb, body, _ in api.said if verb == "progress"]
    assert sum(len(body["lines"]) + body["lost"] for body in told) == 5000
    assert told[-1]["lines"][-1] == "4999"


def test_cancelled_by_the_answer_to_a_beat(api: SmallApi, runner: Runner) -> None:
    api.lease_seconds, api.late = 0.3, True
    api.cancelled.add("t1")
    runner.run(order(api, {"sleep": 600}, OK))
    assert api.body("t1", "fail")["code"] == "cancelled"


REPORT = {"succeeded": True, "detail": "42 tests", "url": ""}


def test_what_a_pipeline_said_comes_with_a_beat_and_goes_with_the_attempt(api: SmallApi, runner: Runner) -> None:
    api.lease_seconds = 0.3
    errand = order(api, {"note": "running"}, {"wait_for": "reported.json"}, {"tell": "reported.json"})
    thread = threading.Thread(target=runner.run, args=(errand,))
    thread.start()
    until((runner.folder / "t1" / "running").exists, seconds=30, what="it runs")
    api.reports["t1"] = REPORT
    thread.join(30)
    assert api.body("t1", "complete")["result"] == REPORT
    assert {path.name for path in (runner.folder / "t1").iterdir()} == {"running", ".begun-1", ".lock"}


def test_what_a_pipeline_said_before_is_there_when_the_attempt_begins(api: SmallApi, runner: Runner) -> None:
    api.reports["t1"] = REPORT
    runner.run(order(api, {"tell": "reported.json"}))
    assert api.verbs("t1") == ["start", "complete"]
    assert api.body("t1", "complete")["result"] == REPORT


def test_an_attempt_does_not_find_what_only_one_before_it_was_told(api: SmallApi, runner: Runner) -> None:
    folder = runner.folder / "t1"
    folder.mkdir(parents=True)
    # Left there by a worker that was killed.
    (folder / "reported.json").write_text(json.dumps(REPORT))
    runner.run(order(api, {"tell": "reported.json"}))
    assert api.body("t1", "fail")["code"] == "child_died"


def test_cancelled_by_word_of_the_scheduler(api: SmallApi, runner: Runner) -> None:
    errand = order(api, {"say": {"log": "here"}}, {"sleep": 600}, OK)
    thread = threading.Thread(target=runner.run, args=(errand,))
    thread.start()
    api.wait("t1", "progress")
    assert runner.busy() == 1
    assert runner.end("t1")
    thread.join(30)
    assert api.body("t1", "fail")["code"] == "cancelled"
    assert not runner.end("t1")
    assert runner.wait_idle(0)


def test_who_ignores_sigterm_is_killed_with_what_it_started(api: SmallApi, runner: Runner) -> None:
    runner.run(order(api, {"deaf": True}, {"leave_behind": "left"}, {"sleep": 600}, seconds=0.5))
    assert api.body("t1", "fail")["code"] == "timed_out"
    left = int((runner.folder / "t1" / "left").read_text())
    until(lambda: not psutil.pid_exists(left), seconds=10, what="what it started is gone")


def test_too_much_memory_ends_it(api: SmallApi, runner: Runner) -> None:
    runner.run(order(api, {"take": 300 * 1024**2}, {"sleep": 600}, memory_bytes=200 * 1024**2))
    said = api.body("t1", "fail")
    assert (said["code"], said["retryable"]) == ("memory_exceeded", False)


@pytest.mark.parametrize(
    ("step", "words"), [({"die": signal.SIGKILL}, "SIGKILL"), ({"exit": 3}, "exit 3"), ({"exit": 0}, "exit 0")]
)
def test_a_death_without_a_result_is_told(api: SmallApi, runner: Runner, step: dict[str, Any], words: str) -> None:
    runner.run(order(api, step))
    said = api.body("t1", "fail")
    assert said["code"] == "child_died"
    assert words in said["error"]


def test_an_attempt_that_counts_no_more_is_killed_and_not_reported(api: SmallApi, runner: Runner) -> None:
    api.lease_seconds = 0.3
    api.refuses["t1", "heartbeat"] = (409, "stale_attempt")
    assert runner.run(order(api, {"note": "pid"}, {"sleep": 600}, OK)) is Outcome.REFUSED
    pid = int((runner.folder / "t1" / "pid").read_text())
    until(lambda: not psutil.pid_exists(pid), seconds=10, what="it is gone")
    assert set(api.verbs("t1")) == {"start", "heartbeat"}


def test_a_report_that_nobody_takes_waits_on_disk_and_is_sent_when_the_api_is_back(
    api: SmallApi, runner: Runner
) -> None:
    errand = order(api, {"note": "running"}, {"wait_for": "go"}, OK)
    found: list[Outcome] = []
    thread = threading.Thread(target=lambda: found.append(runner.run(errand)))
    thread.start()
    folder = runner.folder
    until((folder / "t1" / "running").exists, seconds=30, what="it runs")
    api.stop()
    (folder / "t1" / "go").touch()
    thread.join(30)
    assert found == [Outcome.SPOOLED]
    (report,) = (folder / "reports").glob("*.json")
    assert json.loads(report.read_text())["report"]["verb"] == "complete"
    assert report.stat().st_mode & 0o077 == 0
    api.start()
    until(lambda: not report.exists(), seconds=30, what="it is sent")
    assert api.body("t1", "complete")["result"] == 7


def test_reports_of_an_earlier_life_are_sent(api: SmallApi, runner: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "other" / "reports"
    folder.mkdir(parents=True)
    report = {"ticket_id": "t9", "attempt": 2, "verb": "complete", "body": {"attempt": 2}}
    (folder / "t9-2.json").write_text(json.dumps({"report": report, "token": "old"}))
    (folder / "torn.json").write_text("{")
    other = runner_in(tmp_path / "other", runner.doer.office)
    other.open()
    try:
        api.wait("t9", "complete")
        until(lambda: not list(folder.glob("*.json")), seconds=10, what="nothing is left")
    finally:
        other.close()


def test_many_at_once_share_one_warm_process(api: SmallApi, runner: Runner) -> None:
    errands = [order(api, {"note": "pid"}, {"wait_for": "go"}, OK, name=f"m{number}") for number in range(6)]
    threads = [threading.Thread(target=runner.run, args=(errand,)) for errand in errands]
    for thread in threads:
        thread.start()
    folders = [runner.folder / errand.ticket_id for errand in errands]
    until(lambda: all((folder / "pid").exists() for folder in folders), seconds=30, what="all run")
    parents = {psutil.Process(int((folder / "pid").read_text())).ppid() for folder in folders}
    assert len(parents) == 1
    for folder in folders:
        (folder / "go").touch()
    for thread in threads:
        thread.join(30)
    assert all(api.verbs(errand.ticket_id)[-1] == "complete" for errand in errands)


def test_a_warm_process_that_died_is_started_again(api: SmallApi, runner: Runner) -> None:
    runner.run(order(api, OK, name="one"))
    (warm,) = [child for child in psutil.Process().children() if "warm" in " ".join(child.cmdline())]
    errand = order(api, {"note": "pid"}, {"sleep": 600}, OK, name="two")
    thread = threading.Thread(target=runner.run, args=(errand,))
    thread.start()
    until((runner.folder / "two" / "pid").exists, seconds=30, what="it runs")
    pid = int((runner.folder / "two" / "pid").read_text())
    os.kill(warm.pid, signal.SIGKILL)
    thread.join(30)
    assert api.body("two", "fail")["code"] == "child_lost"
    until(lambda: not psutil.pid_exists(pid), seconds=10, what="its child went with it")
    assert runner.run(order(api, OK, name="three")) is Outcome.TOLD


def test_closing_ends_what_runs() -> None:
    nursery = Nursery("tests.compute.small_child")
    child = nursery.start()
    assert psutil.pid_exists(child.pid)
    nursery.close()
    until(lambda: not psutil.pid_exists(child.pid), seconds=10, what="it is gone")
    child.close()


def test_a_ticket_id_names_no_place_outside(api: SmallApi, runner: Runner) -> None:
    errand = order(api, OK, name="..")
    with pytest.raises(ValueError, match="no id"):
        runner.run(errand)
