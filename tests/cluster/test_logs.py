"""What the parts of a real cluster write is found; what people ask and their passwords are not."""

import json
import urllib.request

import pytest

from tests.cluster.conftest import Cluster
from tests.waiting import until
from tests.watching.expressions import documented

pytestmark = pytest.mark.real
CANARY = "zanzibar canary seventeen"
SOMETIMES = ("cluster_ai_bus_", "cluster_ai_backup_")
"""Told only where Redis is configured, and where a backup was made."""


def search(cluster: Cluster, *words: str) -> list[dict[str, object]]:
    done = cluster.cli("logs", "search", "--json", *words)
    assert done.returncode == 0, done.stderr
    items: list[dict[str, object]] = json.loads(done.stdout)["items"]
    return items


def post(url: str, body: object, **headers: str) -> int:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code


def test_calls_are_found_and_what_was_said_is_not(cluster: Cluster) -> None:
    chat = {"messages": [{"role": "user", "content": CANARY}], "stream": False, "options": {"num_predict": 4}}
    (model,) = [name for name in cluster.models() if "smollm" in name]
    assert post(f"{cluster.gateway}/api/chat", {"model": model, **chat}) == 200
    assert post(f"{cluster.gateway}/api/chat", {"model": "never-heard-of-it", **chat}) == 404
    token = {"Authorization": f"Bearer {cluster.token}"}
    assert post(f"{cluster.api}/api/v1/chat", {"model": model, **chat}, **token) == 200
    assert post(f"{cluster.api}/api/v1/auth/login", {"username": "admin", "password": CANARY}) == 401
    until(lambda: len(search(cluster, "call", "part:gateway")) >= 3, seconds=20, what="the calls are logged")
    (failed,) = search(cluster, "part:gateway", "call", '"never-heard-of-it"')
    assert failed["fields"]["status"] == 404  # type: ignore[index]
    assert search(cluster, "zanzibar") == []
    # In quotes: chance may begin it with a minus, which means something else to both the terminal and the search.
    assert search(cluster, f'"{cluster.token}"') == []


def test_every_part_is_collected(cluster: Cluster) -> None:
    found = {str(line["part"]) for line in search(cluster, "-n", "500")}
    assert found >= {"backend", "gateway", "node", "scheduler"} & {
        path.stem for path in cluster.home.glob("logs/*.log") if path.stat().st_size
    }
    status, page = cluster.get(f"{cluster.api}/api/v1/logs?limit=1")
    assert status == 200
    assert page["kept"]["lost_bytes"] == 0


def test_a_search_that_cannot_be_read_is_a_wrong_use(cluster: Cluster) -> None:
    done = cluster.cli("logs", "search", "user:me")
    assert done.returncode != 0
    assert "there is no filter user:" in done.stderr
    assert "bad_log_query" in done.stderr


def test_what_the_page_of_metrics_names_is_told(cluster: Cluster) -> None:
    """The other way round than the surface's test: no rule and no dashboard waits for what nobody tells."""
    found = set()
    for url in (cluster.api, cluster.gateway, cluster.node):
        request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Bearer {cluster.token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        found |= {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    named = {name for name in documented() if name.startswith("cluster_ai_") and not name.startswith(SOMETIMES)}
    assert named - found == set()
