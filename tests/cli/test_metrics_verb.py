"""``cluster-ai metrics``, ``power`` and ``notify`` on an API of real parts."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.backend.running import Api, running_api
from tests.backend.world import INTERNAL
from tests.cli.calling import cli, environment
from tests.ports import free_port

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Desk:
    """The gateway of this head is away: nobody listens at its port."""

    api: Api
    nobody: int

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        ports = {"BACKEND": self.api.port, "GATEWAY": self.nobody}
        more = {f"CLUSTER_AI_PORTS__{name}": str(port) for name, port in ports.items()}
        return cli(*words, env=environment(self.api.home.root, CLUSTER_AI_NODE__ENABLED="false", **more))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_api(Path(tmp_path_factory.mktemp("metrics")) / "home") as api:
        api.home.internal_token.write_text(INTERNAL)
        api.home.internal_token.chmod(0o600)
        yield Desk(api, free_port())


def test_rows_have_what_was_measured(desk: Desk) -> None:
    done = desk.cli("metrics", "http_request", "--part", "backend", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["schema_version"] == 1
    assert all("http_request" in row["name"] for row in said["items"])
    assert not [row for row in said["items"] if row["name"].endswith("_bucket")]
    counted = [row for row in said["items"] if row["name"] == "cluster_ai_http_requests_total"]
    again = json.loads(desk.cli("metrics", "requests_total", "--part", "backend", "--json").stdout)["items"]

    def scrapes(rows: list[dict]) -> float:
        return sum(row["value"] for row in rows if row["labels"].get("route") == "/metrics")

    assert scrapes(again) == scrapes(counted) + 1
    buckets = json.loads(desk.cli("metrics", "seconds_bucket", "--all", "--part", "backend", "--json").stdout)["items"]
    assert {row["labels"]["le"] for row in buckets} >= {"0.001", "+Inf"}


def test_people_see_a_table_and_programs_the_page(desk: Desk) -> None:
    shown = desk.cli("metrics", "build_info", "--part", "backend").stdout
    assert shown.split()[:4] == ["PART", "METRIC", "LABELS", "VALUE"]
    assert "component=backend" in shown
    page = desk.cli("metrics", "--raw", "--part", "backend").stdout
    assert "cluster_ai_http_requests" in {family.name for family in text_string_to_metric_families(page)}


def test_a_part_that_is_away_does_not_hide_the_others(desk: Desk) -> None:
    done = desk.cli("metrics", "build_info")
    assert (done.returncode, "backend" in done.stdout, "gateway is away" in done.stderr) == (8, True, True), done.stderr
    assert desk.cli("metrics", "--part", "gateway").returncode == 5
    unknown = desk.cli("metrics", "--part", "node")
    assert (unknown.returncode, "node" in unknown.stderr) == (3, True)


def test_power_and_notify_are_what_they_are_elsewhere(desk: Desk) -> None:
    assert desk.cli("power", "--json").stdout == desk.cli("node", "power", "--json").stdout
    assert json.loads(desk.cli("notify", "list", "--json").stdout) == {"schema_version": 1, "items": []}
    assert desk.cli("notify", "show", "nobody").returncode == desk.cli("webhook", "show", "nobody").returncode == 3
