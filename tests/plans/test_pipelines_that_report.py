"""A pipeline elsewhere reports by a signed webhook, and its ticket ends as it said: whatever is killed in between."""

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rig import plans
from benchmarks.rig.work import Cluster, cluster
from cluster_ai.core.ids import new_id
from cluster_ai.notify.signing import Claims, key_of, signed
from tests.fakes.pipeline import Pipeline, pipeline
from tests.ports import free_base
from tests.waiting import until

PAGE = Path(__file__).parents[2] / "docs/how-to/pipelines.md"
pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Pipeline]:
    with pipeline() as made:
        yield made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, elsewhere: Pipeline) -> Iterator[Cluster]:
    settings = {
        "CLUSTER_AI_EXECUTORS__CI_URLS": json.dumps({elsewhere.url: None}),
        "CLUSTER_AI_PLANS__LEASE_SECONDS": "6",
    }
    with cluster(tmp_path_factory.mktemp("ci"), free_base(), settings=settings) as running:
        yield running


def submitted(made: Cluster, elsewhere: Pipeline, **more: Any) -> tuple[str, str]:
    """The plan and its one ticket, which is named to the pipeline when that is started."""
    wanted = {"url": f"{elsewhere.url}start", "body": {"ticket": "{ticket_id}"}, "every_seconds": 600.0}
    ticket = {"id": "ci", "type": "TEST", "parameters": {"pipeline": wanted}}
    accepted = plans.submit(made, {"tickets": [ticket], **more}, key=new_id())
    return accepted["plan"]["plan_id"], accepted["ticket_ids"]["ci"]


def report(made: Cluster, ticket_id: str, **said: Any) -> tuple[int, dict[str, Any]]:
    """Status and answer of a signed webhook; asked again, as senders do, while nobody answers."""
    key = key_of((made.home / "secrets" / "pipeline-webhook.secret").read_text().strip())
    body, claims = json.dumps({"ticket_id": ticket_id, **said}).encode(), Claims(new_id(), int(time.time()))

    def post() -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/json", **signed(key, claims, body)}
        request = urllib.request.Request(f"{made.url}/api/v1/webhooks/pipeline-completed", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as exc:
            return exc.code, json.load(exc)

    return until(post, seconds=30, what="it is answered", bears=(urllib.error.URLError, ConnectionError))


def test_the_lines_of_the_page_report(made: Cluster, elsewhere: Pipeline) -> None:
    plan_id, ticket_id = submitted(made, elsewhere)
    started(elsewhere, ticket_id)
    env = os.environ | {
        "SECRET": (made.home / "secrets" / "pipeline-webhook.secret").read_text().strip(),
        "CLUSTER": made.url,
        "TICKET": ticket_id,
        "CI_JOB_URL": "https://ci.lan/9",
    }
    (lines,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run(["sh", "-ec", lines], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"duplicate": False}), done.stderr
    ticket = at_its_end(made, plan_id, ticket_id)
    answer = {"succeeded": True, "detail": "42 tests", "url": "https://ci.lan/9"}
    assert (ticket["status"], ticket["result"]["answer"]) == ("succeeded", answer)


def started(elsewhere: Pipeline, ticket_id: str) -> None:
    until(lambda: {"ticket": ticket_id} in elsewhere.started, seconds=60, what="the pipeline is started")


def at_its_end(made: Cluster, plan_id: str, ticket_id: str) -> dict[str, Any]:
    until(lambda: plans.ended(made, plan_id), seconds=60, what="the plan ends")
    found: dict[str, Any] = made.call("GET", f"/api/v1/tickets/{ticket_id}")
    return found


def test_it_ends_as_was_reported_and_one_report_counts(made: Cluster, elsewhere: Pipeline) -> None:
    said = {"succeeded": True, "detail": "42 tests", "url": "https://ci.lan/7"}
    plan_id, ticket_id = submitted(made, elsewhere)
    started(elsewhere, ticket_id)
    assert report(made, ticket_id, **said) == (200, {"duplicate": False})
    status, refused = report(made, ticket_id, succeeded=False)
    assert (status, refused["code"], bool(refused["hint"])) == (409, "reported_otherwise", True)
    ticket = at_its_end(made, plan_id, ticket_id)
    assert (ticket["status"], ticket["result"]["answer"]) == ("succeeded", said)
    assert report(made, ticket_id, **said)[0] == 200
    assert report(made, ticket_id, succeeded=False)[0] == 409
    status, nobody = report(made, new_id(), succeeded=True)
    assert (status, nobody["code"], bool(nobody["hint"])) == (404, "not_found", True)


def test_a_failure_is_one_and_says_what_was_said(made: Cluster, elsewhere: Pipeline) -> None:
    plan_id, ticket_id = submitted(made, elsewhere)
    started(elsewhere, ticket_id)
    assert report(made, ticket_id, succeeded=False, detail="2 of 42 failed", url="https://ci.lan/8")[0] == 200
    ticket = at_its_end(made, plan_id, ticket_id)
    assert (ticket["status"], ticket["error_code"]) == ("failed", "pipeline_failed")
    assert ticket["error_message"] == "2 of 42 failed (https://ci.lan/8)"
    assert (ticket["attempt"], ticket["retry_count"]) == (1, 0)


def test_what_was_reported_before_the_attempt_ends_it_at_once(made: Cluster, elsewhere: Pipeline) -> None:
    plan_id, ticket_id = submitted(made, elsewhere, paused=True)
    assert report(made, ticket_id, succeeded=True)[0] == 200
    made.call("POST", f"/api/v1/plans/{plan_id}/resume")
    assert at_its_end(made, plan_id, ticket_id)["status"] == "succeeded"
    assert {"ticket": ticket_id} not in elsewhere.started


def test_the_api_is_killed_between_its_answer_and_the_worker(made: Cluster, elsewhere: Pipeline) -> None:
    plan_id, ticket_id = submitted(made, elsewhere)
    started(elsewhere, ticket_id)
    assert report(made, ticket_id, succeeded=True, detail="before the kill")[0] == 200
    made.kill("api")
    made.start("api")
    ticket = at_its_end(made, plan_id, ticket_id)
    assert (ticket["status"], ticket["result"]["answer"]["detail"]) == ("succeeded", "before the kill")
    assert ticket["attempt"] == 1


def test_the_worker_is_killed_and_the_attempt_after_it_hears_the_report(made: Cluster, elsewhere: Pipeline) -> None:
    plan_id, ticket_id = submitted(made, elsewhere)
    started(elsewhere, ticket_id)
    made.kill("worker-0")
    assert report(made, ticket_id, succeeded=True, detail="nobody is here")[0] == 200
    made.start("worker-0")
    ticket = at_its_end(made, plan_id, ticket_id)
    assert (ticket["status"], ticket["error_message"]) == ("succeeded", "")
    assert ticket["result"]["answer"]["detail"] == "nobody is here"
    assert ticket["attempt"] > 1
    assert elsewhere.started.count({"ticket": ticket_id}) == 1
