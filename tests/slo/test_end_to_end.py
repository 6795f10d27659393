"""From calls that really fail to a pull that is really refused, and back, beside a real Prometheus and Alertmanager."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
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


@dataclass
class Lab:
    """A cluster, its shaky node, and where its neighbours will be."""

    cluster: Cluster
    node: Ollama
    folder: Path
    alertmanager: str

    def asked(self, url: str, body: Any = None, method: str = "POST") -> tuple[int, dict[str, Any]]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.cluster.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read().splitlines()[0] or b"{}")
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.loads(exc.read())

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
    place = free_port()
    with ollama() as node:
        # The Alertmanager needs the token that the cluster makes, the cluster the Alertmanager's address.
        alerts, watching = f"http://127.0.0.1:{place}", f"http://127.0.0.1:{free_port()}"
        home.config.write_text(CONFIG.format(ollama=node.url, alertmanager=alerts, prometheus=watching))
        with running(home.root) as cluster:
            yield Lab(cluster, node, tmp_path, alerts)


def test_a_burnt_objective_freezes_and_a_recovered_one_releases(lab: Lab) -> None:
    cluster = lab.cluster
    lab.does("slo", "create", "chat", "--target", "50", "--days", "1", "--model", "tiny:1b")
    lab.does("freeze", "policy", "create", "no-pulls", "--block", "pull", "--below", "0.1", "--above", "0.3", "--minutes", "0")
    until(lambda: "tiny:1b" in cluster.models(), what="the gateway knows the node's models")
    assert lab.chats(2) == [200, 200]
    lab.node.fails = True
    assert set(lab.chats(8)) <= {500, 502, 503}
    [freeze] = until(lambda: lab.said("freeze", "list")["items"], seconds=20, what="the freeze begins")
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
    until(lambda: not lab.said("freeze", "list")["items"], seconds=20, what="the freeze ends")
    lab.does("model", "pull", "tiny:1b", "--node", "shaky")
    assert lab.node.pulls == 1
    [past] = lab.said("freeze", "history")["items"]
    assert (past["event_id"], past["resolution"]) == (freeze["event_id"], "auto")


def test_alerts_go_out_through_a_real_prometheus_and_alertmanager_and_come_in_again(lab: Lab) -> None:
    cluster = lab.cluster
    lab.does("slo", "create", "chat", "--target", "99", "--model", "tiny:1b")
    until(lambda: lab.metric('sla_events_total{slo_id="chat",verdict="good"}') == 0, what="it is counted")
    rules = cluster.cli("slo", "rules", "chat").stdout.replace("interval: 30s", "interval: 1s")
    webhook, token = f"{cluster.api}/webhooks/alertmanager", Home(cluster.home).alertmanager_token
    host = cluster.api.removeprefix("http://")
    with alertmanager(lab.folder, webhook=webhook, token=token) as alerts:
        with prometheus(lab.folder, scrape=host, token=cluster.token, alerts=alerts, rules=rules) as watching:
            assert lab.chats(3) == [200, 200, 200]
            until(lambda: value(watching, 'sla_events_total{slo_id="chat",verdict="good"}') == 3, seconds=20)
            lab.node.fails = True
            lab.chats(6)
            until(
                lambda: lab.metric('sla_alertmanager_webhooks_received_total{status="new"}') >= 1,
                seconds=40,
                what="the alert of the rules comes in",
            )
            ratio = value(watching, 'cluster_ai:slo_errors:ratio_rate5m{slo="chat"}')
            assert ratio is not None
            assert ratio > 0.1


def value(prometheus: str, query: str) -> float | None:
    from urllib.parse import quote

    with urllib.request.urlopen(f"{prometheus}/api/v1/query?query={quote(query)}", timeout=10) as answer:
        found = json.loads(answer.read())["data"]["result"]
    return float(found[0]["value"][1]) if found else None
