"""A worker that slept past its lease finds its ticket taken over: what it says then is refused, and counts nowhere."""

import contextlib
import signal
from collections.abc import Iterator

import psutil
import pytest

from benchmarks.rig import plans
from benchmarks.rig.work import Cluster, cluster
from tests.ports import free_base
from tests.waiting import until

pytestmark = pytest.mark.real
SETTINGS = {
    "CLUSTER_AI_EXECUTORS__SANDBOX": "none",
    "CLUSTER_AI_EXECUTORS__TRUSTED_KINDS": '["BUILD"]',
    "CLUSTER_AI_PLANS__LEASE_SECONDS": "3",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("asleep"), free_base(), workers=2, settings=SETTINGS) as running:
        yield running


def below(made: Cluster, worker: str) -> list[psutil.Process]:
    """The worker and what it runs. Its nanny stays awake: a worker whose nanny is silent, too, is soon forgotten, and
    one that wakes up forgotten ends without a word.
    """
    return psutil.Process(made.processes[worker].pid).children(recursive=True)


def test_the_late_one_is_refused_and_one_result_counts(made: Cluster) -> None:
    mark = made.home / "runs"
    script = f"echo x >> {mark}; while [ ! -e {mark}.go ]; do sleep 0.05; done; echo done > out"
    parameters = {"argv": ["/bin/sh", "-c", script], "trusted": True, "artefacts": ["out"]}
    accepted = plans.submit(made, {"tickets": [{"id": "a", "type": "BUILD", "parameters": parameters}]}, key="asleep")
    plan_id, ticket_id = accepted["plan"]["plan_id"], accepted["ticket_ids"]["a"]
    until(mark.exists, seconds=60, what="it runs")
    first = made.call("GET", f"/api/v1/tickets/{ticket_id}")["allocated_agent_id"]
    asleep = below(made, first)
    for process in asleep:
        # What its script waits with comes and goes.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
    try:
        until(lambda: len(mark.read_text().split()) > 1, seconds=60, what="another worker has it")
        (made.home / "runs.go").touch()
        assert until(lambda: plans.ended(made, plan_id), seconds=60, what="the plan ends")["status"] == "succeeded"
    finally:
        for process in asleep:
            # Those that are awake again may have ended the others.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
    said = made.home / f"{first}.out"
    until(lambda: "does not count any more" in said.read_text() or "a report was refused" in said.read_text(),
          seconds=60, what="the late one is refused")  # fmt: skip
    history = made.call("GET", f"/api/v1/tickets/{ticket_id}/history")
    assert [entry["type"] for entry in history["entries"]].count("completed") == 1
    assert history["intact"]
    ticket = made.call("GET", f"/api/v1/tickets/{ticket_id}")
    assert (ticket["attempt"], ticket["losses"]) == (2, 1)
    assert ticket["allocated_agent_id"] != first
