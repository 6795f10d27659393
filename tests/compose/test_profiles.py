"""The file for one box with both of its profiles: PostgreSQL and Redis under the cluster, and the watchers beside it."""

import json

import pytest

from tests.compose.health import checked
from tests.compose.others import BESIDE
from tests.compose.podman import IMAGE, ROOT, Podman, Stack
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(2400)]

OVERRIDE = f"""services:
  cluster: {{image: {IMAGE}, init: false}}
  watch-keys: {{image: {IMAGE}}}
{BESIDE}"""
PROFILES = ("--profile", "watch", "--profile", "scale")
SERVICES = ("cluster", "watch-keys", "prometheus", "alertmanager", "logs", "postgres", "redis")
"""All but Open WebUI, whose image takes minutes more, and Grafana."""


def test_watchers_find_their_keys_and_the_cluster_its_database(others: Podman, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "POSTGRES_PASSWORD": "of-the-database",
        "REDIS_PASSWORD": "of-the-bus",
        "CLUSTER_AI_DATABASE_URL": "postgresql://cluster:of-the-database@127.0.0.1/cluster",
        "CLUSTER_AI_REDIS_URL": "redis://:of-the-bus@127.0.0.1/0",
    }.items():
        monkeypatch.setenv(name, value)
    stack = Stack(others, ROOT / "docker-compose.yml", OVERRIDE)
    with checked(others):
        try:
            stack.compose(*PROFILES, "up", "--detach", "--no-build", *SERVICES, seconds=300)
            until(lambda: healthy(stack) == {*SERVICES} - {"watch-keys"}, seconds=60, what="all of them are healthy")
            until(lambda: scraped(stack) == ["up"] * 3, seconds=90, what="all is scraped, with the cluster's token")
            tables = ("sh", "-c", "PGPASSWORD=of-the-database psql -h 127.0.0.1 -U cluster -d cluster -Atc '\\dt'")
            assert "tickets" in stack.inside("postgres", *tables)
            led = others.asked(
                "http://127.0.0.1:5601/", None, "--output", "/dev/null", "--write-out", "%{redirect_url}"
            )
            assert led == "http://127.0.0.1:8000/logs"
        finally:
            stack.compose(*PROFILES, "down", "--volumes", "--timeout", "60", seconds=180)


def healthy(stack: Stack) -> set[str]:
    seen = [json.loads(line) for line in stack.compose(*PROFILES, "ps", "--format", "json").splitlines()]
    return {one["Service"] for one in seen if one["Health"] == "healthy"}


def scraped(stack: Stack) -> list[str]:
    told = json.loads(stack.engine.asked("http://127.0.0.1:9090/api/v1/targets"))["data"]["activeTargets"]
    return [one["health"] for one in told]
