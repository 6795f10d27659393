"""Plans over the API, done by real workers: in their order, with what they wrote, ended when somebody says so."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.rig import plans
from benchmarks.rig.ledger import Verdict
from benchmarks.rig.work import Cluster, cluster
from tests.ports import free_base
from tests.waiting import until

pytestmark = pytest.mark.real
SETTINGS = {
    "CLUSTER_AI_EXECUTORS__SANDBOX": "none",
    "CLUSTER_AI_EXECUTORS__TRUSTED_KINDS": '["EXECUTE", "BUILD"]',
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("work"), free_base(), settings=SETTINGS) as running:
        yield running


def script(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "EXECUTE", "parameters": {"argv": ["/bin/sh", "-c", text], "trusted": True}} | more


def submitted(made: Cluster, key: str, *tickets: dict[str, Any], **more: Any) -> tuple[str, dict[str, str]]:
    accepted = plans.submit(made, {"tickets": list(tickets), **more}, key=key)
    return accepted["plan"]["plan_id"], accepted["ticket_ids"]


def at_its_end(made: Cluster, plan_id: str) -> dict[str, Any]:
    return until(lambda: plans.ended(made, plan_id), seconds=60, what="the plan ends")


def the_ticket(made: Cluster, ticket_id: str) -> dict[str, Any]:
    found: dict[str, Any] = made.call("GET", f"/api/v1/tickets/{ticket_id}")
    return found


def test_a_plan_is_done_in_its_order_and_summed_up(made: Cluster) -> None:
    log = made.home / "order"
    steps = [script(f"echo {name} >> {log}", id=name, depends_on=needs) for name, needs in
             (("a", []), ("b", ["a"]), ("c", ["a"]), ("d", ["b", "c"]))]  # fmt: skip
    plan_id, _ = submitted(made, "order", *steps)
    assert at_its_end(made, plan_id)["status"] == "succeeded"
    words = log.read_text().split()
    assert (words[0], sorted(words[1:3]), words[3]) == ("a", ["b", "c"], "d")
    plan = until(
        lambda: (found := made.call("GET", f"/api/v1/plans/{plan_id}"))["steps"].get("c5") is not None and found,
        seconds=30, what="it is summed up",
    )  # fmt: skip
    assert set(plan["steps"]) >= {"c2", "c3", "c4", "c5"}
    assert made.call("GET", f"/api/v1/plans/{plan_id}/verify")["tickets"] == 4


def test_what_a_ticket_writes_is_followed_to_its_end(made: Cluster) -> None:
    plan_id, ids = submitted(made, "lines", script("echo one; sleep 1.5; echo two", id="a"))
    url = f"{made.url}/api/v1/tickets/{ids['a']}/logs"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {made.token}"})
    with urllib.request.urlopen(request, timeout=60) as stream:
        said = stream.read().decode()
    lines = [json.loads(line[6:]) for line in said.splitlines() if line.startswith("data: {") and "text" in line]
    texts = [line["text"] for line in lines]
    assert texts.index("one") < texts.index("two")
    assert "event: end" in said
    assert at_its_end(made, plan_id)["status"] == "succeeded"


def test_the_terminal_follows_a_ticket(made: Cluster) -> None:
    _, ids = submitted(made, "terminal", script("echo here it is; sleep 1; echo and more", id="a"))
    argv = [sys.executable, "-m", "cluster_ai.cli.main", "ticket", "logs", "-f", ids["a"]]
    done = subprocess.run(argv, env=made.environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line in {"here it is", "and more"}] == [
        "here it is",
        "and more",
    ]


def test_a_running_ticket_is_ended_with_all_that_it_started(made: Cluster) -> None:
    mark = made.home / "still"
    plan_id, ids = submitted(made, "cancel", script(f"echo x > {mark}; (sleep 30; echo late >> {mark}) & wait", id="a"))
    until(mark.exists, seconds=60, what="it runs")
    made.call("POST", f"/api/v1/tickets/{ids['a']}/cancel")
    assert at_its_end(made, plan_id)["status"] == "cancelled"
    until(lambda: the_ticket(made, ids["a"])["status"] == "cancelled", seconds=30, what="it is cancelled")
    assert mark.read_text() == "x\n"


def test_what_failed_says_how_and_the_others_go_on(made: Cluster) -> None:
    first, second = script("exit 3", id="bad"), script("true", id="good")
    plan_id, ids = submitted(made, "fails", first, second, failure_policy="CONTINUE")
    assert at_its_end(made, plan_id)["status"] == "failed"
    assert the_ticket(made, ids["bad"])["error_code"] == "exit_nonzero"
    assert the_ticket(made, ids["good"])["status"] == "succeeded"


def test_the_time_of_an_attempt_has_an_end(made: Cluster) -> None:
    plan_id, ids = submitted(made, "slow", script("sleep 600", id="a", sla={"timeout_ms": 1500, "max_retries": 0}))
    assert at_its_end(made, plan_id)["status"] == "failed"
    assert the_ticket(made, ids["a"])["error_code"] in {"timed_out", "start_to_close_timeout"}
    # It is told by whoever hears of the ticket's end, which is a moment later.
    until(lambda: "runaway" in incidents(made), seconds=30, what="it is told as an incident")


def incidents(made: Cluster) -> set[str]:
    return {one["kind"] for one in made.call("GET", "/api/v1/incidents")["items"]}


def test_what_is_done_is_undone_in_reverse_when_the_plan_fails(made: Cluster) -> None:
    log = made.home / "saga"
    done = [
        script(f"echo do-{name} >> {log}", id=name, depends_on=needs) for name, needs in (("one", []), ("two", ["one"]))
    ]
    for one in done:
        one["parameters"]["undo"] = ["/bin/sh", "-c", f"echo undo-{one['id']} >> {log}"]
    bad = script("exit 1", id="three", depends_on=["two"])
    plan_id, _ = submitted(made, "saga", *done, bad, failure_policy="COMPENSATE")
    assert at_its_end(made, plan_id)["status"] == "compensated"
    assert log.read_text().split() == ["do-one", "do-two", "undo-two", "undo-one"]


def test_figures_are_told(made: Cluster) -> None:
    request = urllib.request.Request(f"{made.url}/metrics", headers={"Authorization": f"Bearer {made.token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read().decode()
    for name in (
        "cluster_ai_flow_duration_seconds_count",
        'cluster_ai_flow_steps_duration_seconds_count{step="c4"}',
        "cluster_ai_flow_success_total",
        "cluster_ai_flow_telemetry_buffer_size",
        'tickets_by_status{status="running"}',
        "tickets_consumed_total",
    ):
        assert name in text


def test_brief_ones_go_in_batches_and_each_is_told_with_its_own_words(made: Cluster) -> None:
    steps = [script(f"echo {number} of many", id=f"t{number}", idempotent=True) for number in range(60)]
    plan_id, ids = submitted(made, "batches", *steps)
    plan = at_its_end(made, plan_id)
    assert (plan["status"], plan["succeeded"]) == ("succeeded", 60)
    found = Verdict()
    histories = [made.call("GET", f"/api/v1/tickets/{one}/history") for one in ids.values()]
    found.note(histories)
    assert found.together > 10
    assert all(history["intact"] for history in histories)
    tickets = {one["task_id"]: one for one in plans.tickets(made, plan_id)}
    assert {one["attempt"] for one in tickets.values()} == {1}
    for name in ("t0", "t31", "t59"):
        told = made.call("GET", f"/api/v1/tickets/{ids[name]}/result")["value"]
        assert told["tail"] == f"{name[1:]} of many\n"
