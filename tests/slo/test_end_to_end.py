"""From calls that really fail to a pull that is really refused, and back, beside a real Prometheus and Alertmanager."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.core.paths import Home
from tests.cluster.conftest import Cluster, running
from tests.ports import free_port
from tests.slo.neighbours import Ollama, alertmanager, ollama, prometheus
from tests.waiting import until as plainly

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]
REFUSED = 6
until = partial(plainly, bears=(OSError,))

CONFIG = """
[gateway]
find_local_ollama = false
breaker_seconds = 0.5

[[gateway.upstreams]]
name = "shaky"
url = "{ollama}"

[slo]
evaluate_seconds = 0.5
count_seconds = 0.3
alertmanager_url = "{alertmanager}"
prometheus_url = "{prometheus}"
"""


CUSTOM = """
apiVersion: openslo/v1
kind: SLO
metadata: {{name: custom}}
spec:
  service: gateway
  indicator:
    metadata: {{name: custom}}
    spec:
      ratioMetric:
        counter: true
        bad: {{metricSource: {{type: Prometheus, spec: {{query: '{bad}'}}}}}}
        total:
          metricSource:
            type: Prometheus
            spec: {{query: 'sum(increase(sla_events_total{{slo_id="chat"}}[$window]))'}}
  timeWindow: [{{duration: 1d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: 0.99}}]
"""


@dataclass
class Lab:
    """A cluster, its shaky node, and the ports at which it looks for its neighbours."""

    cluster: Cluster
    node: Ollama
    folder: Path
    alerts: int
    watching: int

    def alertmanager(self, *, port: int) -> AbstractContextManager[str]:
        webhook, token = f"{self.cluster.api}/webhooks/alertmanager", Home(self.cluster.home).alertmanager_token
        return alertmanager(self.folder, port, webhook=webhook, token=token)

    def prometheus(self, alerts: str, rules: str) -> AbstractContextManager[str]:
        host = self.cluster.api.removeprefix("http://")
        return prometheus(self.folder, self.watching, scrape=host, token=self.cluster.token, alerts=alerts, rules=rules)

    def asked_list(self, url: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found

    def asked(self, url: str, body: Any = None, method: str = "POST") -> tuple[int, dict[str, Any]]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.cluster.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                lines = answer.read().splitlines()
                return answer.status, json.loads(lines[0]) if lines else {}
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.loads(exc.read())

    def got(self, path: str) -> dict[str, Any]:
        """What the API says: to ask by the terminal again and again takes a process for each look."""
        status, found = self.asked(f"{self.cluster.api}/api/v1{path}", method="GET")
        assert status == 200, found
        return found

    def chats(self, count: int) -> list[int]:
        body = {"model": "tiny:1b", "messages": [{"role": "user", "content": "x"}], "stream": False}
        return [self.asked(f"{self.cluster.gateway}/api/chat", body)[0] for _ in range(count)]

    def said(self, *words: str) -> dict[str, Any]:
        done = self.cluster.cli(*words, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def does(self, *words: str) -> None:
        done = self.cluster.cli(*words)
        assert done.returncode == 0, done.stdout + done.stderr

    def metric(self, line: str) -> float:
        request = urllib.request.Request(
            f"{self.cluster.api}/metrics", headers={"Authorization": f"Bearer {self.cluster.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
        return next((float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(line)), 0.0)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    home = Home(tmp_path / "home")
    home.make()
    with ollama() as node:
        # An Alertmanager needs the token that the cluster makes, the cluster the Alertmanager's address.
        alerts, watching = free_port(), free_port()
        at = {"alertmanager": f"http://127.0.0.1:{alerts}", "prometheus": f"http://127.0.0.1:{watching}"}
        home.config.write_text(CONFIG.format(ollama=node.url, **at))
        with running(home.root) as cluster:
            yield Lab(cluster, node, tmp_path, alerts, watching)


def test_a_burnt_objective_freezes_and_a_recovered_one_releases(lab: Lab) -> None:
    cluster = lab.cluster
    lab.does("slo", "create", "chat", "--target", "50", "--days", "1", "--model", "tiny:1b")
    lab.does(
        "freeze",
        "policy",
        "create",
        "no-pulls",
        "--block",
        "pull",
        "--below",
        "0.1",
        "--above",
        "0.3",
        "--minutes",
        "0",
    )
    until(lambda: "tiny:1b" in cluster.models(), what="the gateway knows the node's models")
    assert lab.chats(2) == [200, 200]
    lab.node.fails = True
    assert set(lab.chats(8)) <= {500, 502, 503}
    [freeze] = until(lambda: lab.got("/policies/freezes/active")["items"], seconds=20, what="the freeze begins")
    assert lab.said("freeze", "list")["items"] == [freeze]
    # The terminal, the API and the gateway's own endpoint all refuse.
    refused = cluster.cli("model", "pull", "tiny:1b", "--node", "shaky")
    assert refused.returncode == REFUSED, refused.stderr
    assert "error budget" in refused.stderr
    for url, body in (
        (f"{cluster.api}/api/v1/models/tiny:1b/pull", {"nodes": ["shaky"]}),
        (f"{cluster.gateway}/api/pull", {"model": "tiny:1b"}),
    ):
        status, problem = lab.asked(url, body)
        assert (status, problem["code"]) == (409, "frozen"), problem
    assert lab.node.pulls == 0, "not a byte moved"
    assert lab.metric("sla_freezes_active{") == 1
    lab.node.fails = False
    until(lambda: lab.chats(1) == [200], seconds=15, what="the breaker lets the node back in")
    lab.chats(20)
    until(lambda: not lab.got("/policies/freezes/active")["items"], seconds=20, what="the freeze ends")
    lab.does("model", "pull", "tiny:1b", "--node", "shaky")
    assert lab.node.pulls == 1
    [past] = lab.said("freeze", "history")["items"]
    assert (past["event_id"], past["resolution"]) == (freeze["event_id"], "auto")


def test_alerts_of_rules_in_a_real_prometheus_come_in(lab: Lab) -> None:
    cluster = lab.cluster
    # Nothing of our own goes out here: only what Prometheus sends can come in.
    lab.does("slo", "create", "chat", "--target", "99", "--model", "tiny:1b")
    rules = cluster.cli("slo", "rules", "chat").stdout.replace("interval: 30s", "interval: 1s")
    with lab.alertmanager(port=free_port()) as alerts, lab.prometheus(alerts, rules) as watching:
        until(lambda: lab.chats(1) == [200], seconds=20, what="the node answers")
        counted = 'sla_events_total{slo_id="chat",verdict="good"}'
        until(lambda: (value(watching, counted) or 0) >= 1, seconds=20, what="Prometheus sees what is counted")
        lab.node.fails = True
        lab.chats(6)
        came = 'sla_alertmanager_webhooks_received_total{status="new"}'
        until(lambda: lab.metric(came) >= 1, seconds=40, what="the alert of the rules comes in")
        assert (value(watching, 'cluster_ai:slo_errors:ratio_rate5m{slo="chat"}') or 0) > 0.1
        # An objective that Prometheus counts, by our own question to it.
        document = CUSTOM.format(bad='sum(increase(sla_events_total{slo_id="chat",verdict="bad"}[$window]))')
        (lab.folder / "custom.yaml").write_text(document)
        lab.does("slo", "import", str(lab.folder / "custom.yaml"))
        assert lab.said("slo", "show", "custom")["objective"]["slo_type"] == "CUSTOM"
        # In a minute that this objective has seen.
        lab.chats(6)
        until(
            lambda: lab.got("/budgets/custom")["sli_value"] not in {None, 1.0},
            seconds=40,
            what="the minute that failed is told by Prometheus",
        )


def test_alerts_go_out_to_a_real_alertmanager_and_can_be_silenced(lab: Lab) -> None:
    lab.does("slo", "create", "chat", "--target", "99", "--model", "tiny:1b")
    with lab.alertmanager(port=lab.alerts) as alerts:
        until(lambda: lab.chats(1) == [200], seconds=20, what="the node answers")
        lab.node.fails = True
        lab.chats(6)
        active = f"{alerts}/api/v2/alerts?active=true"
        found = until(lambda: lab.asked_list(active), seconds=20, what="the alert goes out")
        assert {row["labels"]["slo"] for row in found} == {"chat"}
        assert "SLOBurnPage" in {row["labels"]["alertname"] for row in found}
        came = 'sla_alertmanager_webhooks_received_total{status="new"}'
        until(lambda: lab.metric(came) >= 1, seconds=20, what="and comes in again by the webhook")
        silences = f"{lab.cluster.api}/api/v1/silences"
        wanted = {"matchers": [{"name": "slo", "value": "chat"}], "minutes": 5, "comment": "being looked at"}
        status, made = lab.asked(silences, wanted)
        assert status == 201, made
        [listed] = lab.asked(silences, method="GET")[1]["items"]
        assert (listed["id"], listed["state"], listed["createdBy"]) == (made["id"], "active", "local")
        until(lambda: not lab.asked_list(f"{active}&silenced=false"), seconds=10, what="it is quiet")
        assert lab.asked(f"{silences}/{made['id']}", method="DELETE")[0] == 204
        assert lab.asked(silences, method="GET")[1]["items"] == []


def value(prometheus: str, query: str) -> float | None:
    from urllib.parse import quote

    with urllib.request.urlopen(f"{prometheus}/api/v1/query?query={quote(query)}", timeout=10) as answer:
        found = json.loads(answer.read())["data"]["result"]
    return float(found[0]["value"][1]) if found else None
