"""The real Prometheus and Alertmanager, with our files: they scrape the API, evaluate, and deliver."""

import contextlib
import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster_ai.gateway.types import UpstreamState
from tests.backend.running import ALERTS, Api, running_api
from tests.ports import free_base
from tests.posted import Post, Said, posted
from tests.waiting import until
from tests.watching.expressions import PROMETHEUS, ROOT, RULES
from tests.watching.test_dashboards import PANELS

pytestmark = pytest.mark.real


@dataclass
class Told:
    """What Alertmanager said to who listens in the cluster's place."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def statuses(self, name: str) -> list[str]:
        return [
            alert["status"] for body in self.bodies for alert in body["alerts"] if alert["labels"]["alertname"] == name
        ]


@contextlib.contextmanager
def listening() -> Iterator[Told]:
    told = Told()

    def take(post: Post) -> Said:
        told.bodies.append(json.loads(post.body))
        told.tokens.add(post.headers["authorization"])
        return Said(202)

    with posted(take) as address:
        told.url = f"{address}/webhooks/alertmanager"
        yield told


@contextlib.contextmanager
def started(*words: object, cwd: Path) -> Iterator[None]:
    with (cwd / f"{words[0]}.log").open("wb") as log:
        process = subprocess.Popen([*map(str, words)], cwd=cwd, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


@dataclass
class Watchers:
    api: Api
    told: Told
    prometheus: str

    def query(self, expression: str) -> list[Any]:
        asked = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/query?{asked}", timeout=10) as answer:
            found = json.loads(answer.read())
        assert found["status"] == "success", expression
        rows: list[Any] = found["data"]["result"]
        return rows


@pytest.fixture(scope="module")
def watchers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watchers]:
    folder, base = tmp_path_factory.mktemp("watchers"), free_base()
    with running_api(folder / "home") as api, listening() as told:
        configure(folder, api, told, base=base)
        prometheus = started(
            "prometheus", "--config.file=prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{base}", "--log.level=warn", cwd=folder,
        )  # fmt: skip
        alertmanager = started(
            "prometheus-alertmanager", "--config.file=alertmanager.yml", f"--storage.path={folder}/am",
            f"--web.listen-address=127.0.0.1:{base + 1}", "--cluster.listen-address=", cwd=folder,
        )  # fmt: skip
        with prometheus, alertmanager:
            found = Watchers(api, told, f"http://127.0.0.1:{base}")
            until(lambda: found.query("up == 1"), seconds=30, what="the first scrape", bears=(OSError,))
            yield found


def configure(folder: Path, api: Api, told: Told, *, base: int) -> None:
    """Our own files, with addresses of this test and without their patience."""
    (folder / "secrets").mkdir()
    (folder / "secrets/internal.token").write_text(api.token_here)
    (folder / "secrets/alertmanager.token").write_text(ALERTS)
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{base + 1}"]
    scraped = config["scrape_configs"][0]
    scraped["static_configs"] = scraped["static_configs"][:1]
    scraped["static_configs"][0]["targets"] = [api.url.removeprefix("http://")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "rules").mkdir()
    for path in RULES:
        (folder / "rules" / path.name).write_text(re.sub(r"for: \d+[mh]", "for: 1s", path.read_text()))
    text = (ROOT / "config/alertmanager/alertmanager.yml").read_text()
    text = text.replace("http://127.0.0.1:8000/webhooks/alertmanager", told.url)
    text = re.sub(r"group_(wait|interval): \d+[sm]", r"group_\1: 1s", text)
    (folder / "alertmanager.yml").write_text(text)


def test_the_api_is_scraped_with_its_token(watchers: Watchers) -> None:
    (up,) = watchers.query('up{job="cluster-ai"}')
    assert (up["metric"]["process"], up["value"][1]) == ("backend", "1")
    assert watchers.query("cluster_ai_workers_connected")


def test_every_query_of_the_dashboards_is_answered(watchers: Watchers) -> None:
    told = {panel["title"] for _, panel in PANELS for target in panel["targets"] if watchers.query(target["expr"])}
    assert told >= {"Processes up", "Nodes that serve", "Dask workers", "Parts", "Dependencies", "Lines logged"}


def test_an_alert_is_delivered_and_so_is_its_end(watchers: Watchers) -> None:
    api, told = watchers.api, watchers.told
    api.world.serve_nodes("n1", state=UpstreamState.DOWN)
    until(lambda: told.statuses("AllNodesDown"), seconds=40, what="the alert arrives")
    assert told.statuses("AllNodesDown")[0] == "firing"
    assert told.tokens == {f"Bearer {ALERTS}"}
    body = next(body for body in told.bodies if body["commonLabels"].get("alertname") == "AllNodesDown")
    assert body["version"] == "4"
    assert body["alerts"][0]["labels"]["severity"] == "page"
    assert body["alerts"][0]["annotations"]["summary"] == "No node serves models"
    until(lambda: watchers.query('ALERTS{alertname="NodeDown",alertstate="firing"}'), seconds=20, what="its node")
    api.world.serve_nodes("n1")
    until(lambda: "resolved" in told.statuses("AllNodesDown"), seconds=60, what="its end arrives")
    assert told.statuses("NodeDown") == [], "who knows that all are down need not be told of each"
