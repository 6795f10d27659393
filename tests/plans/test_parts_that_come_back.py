"""A part that goes and comes back costs a running ticket nothing: it ends once, with its first attempt."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.rig import plans
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
    with cluster(tmp_path_factory.mktemp("parts"), free_base(), settings=SETTINGS) as running:
        yield running


def begun(made: Cluster, name: str, *, kind: str = "EXECUTE") -> tuple[str, str]:
    """A ticket that runs until the file beside its mark is there."""
    mark = made.home / name
    script = f"echo x >> {mark}; while [ ! -e {mark}.go ]; do sleep 0.05; done; echo done > out"
    parameters: dict[str, Any] = {"argv": ["/bin/sh", "-c", script], "trusted": True}
    if kind == "BUILD":
        parameters["artefacts"] = ["out"]
    accepted = plans.submit(made, {"tickets": [{"id": "a", "type": kind, "parameters": parameters}]}, key=name)
    until(mark.exists, seconds=60, what="it runs")
    return accepted["plan"]["plan_id"], accepted["ticket_ids"]["a"]


def finish(made: Cluster, name: str, plan_id: str, ticket_id: str) -> dict[str, Any]:
    (made.home / f"{name}.go").touch()

    def look() -> dict[str, Any] | None:
        made.restart_dead()
        return plans.ended(made, plan_id)

    until(look, seconds=90, what="the plan ends")
    found: dict[str, Any] = made.call("GET", f"/api/v1/tickets/{ticket_id}")
    return found


def runs_of(made: Cluster, name: str) -> int:
    return len((made.home / name).read_text().split())


def test_a_worker_that_loses_its_scheduler_finishes_and_reports(made: Cluster) -> None:
    plan_id, ticket_id = begun(made, "scheduler")
    made.kill("scheduler")
    made.restart_dead()
    time.sleep(3)
    ticket = finish(made, "scheduler", plan_id, ticket_id)
    assert (ticket["status"], ticket["attempt"], runs_of(made, "scheduler")) == ("succeeded", 1, 1)
    until(made.is_whole, seconds=60, what="the worker comes back")


def test_what_ends_while_the_api_is_away_is_told_when_it_is_back(made: Cluster) -> None:
    plan_id, ticket_id = begun(made, "api")
    made.kill("api")
    (made.home / "api.go").touch()
    time.sleep(2)
    ticket = finish(made, "api", plan_id, ticket_id)
    assert (ticket["status"], ticket["attempt"], runs_of(made, "api")) == ("succeeded", 1, 1)


def test_a_worker_that_dies_takes_its_tickets_with_it_and_what_may_be_done_again_is(made: Cluster) -> None:
    until(made.is_whole, seconds=60, what="all is there")
    once, again = begun(made, "once"), begun(made, "again", kind="BUILD")
    made.kill("worker-0")
    until(made.is_whole, seconds=60, what="the worker is back")
    assert finish(made, "once", *once)["error_code"] == "lost_after_start"
    ticket = finish(made, "again", *again)
    assert (ticket["status"], ticket["losses"]) == ("succeeded", 1)
    assert (runs_of(made, "once"), runs_of(made, "again")) == (1, 2)
    kinds = {one["kind"] for one in made.call("GET", "/api/v1/incidents")["items"]}
    assert "lost" in kinds
