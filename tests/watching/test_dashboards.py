"""Grafana's dashboards, checked without a Grafana: whole, placed, and asking only for what there is."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.docs import dashboards
from tests.watching.expressions import documented, metrics_of
from tests.watching.promised import PROMISED

FILES = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(dashboards.TARGET.glob("*.json"))}
PANELS = [(name, panel) for name, board in FILES.items() for panel in board["panels"]]
OWN = {"ALERTS", "up", "process_resident_memory_bytes"}
"""What Prometheus and its client library tell by themselves."""
UNITS = {"none", "s", "bytes", "reqps", "percent", "percentunit", "watt", "watth"}


def test_the_files_are_what_their_description_makes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in dashboards.TARGET.glob("*.json")}
    assert committed == dashboards.made(), "python scripts/docs/dashboards.py"
    assert committed.keys() == {"overview.json", "gateway.json", "tickets.json", "slo.json", "nodes.json"}


def test_every_query_is_promql(tmp_path: Path) -> None:
    """promtool reads them as recording rules: it parses each expression with Prometheus' own parser."""
    rules = [
        {"record": f"panel:{number}_{target['refId']}", "expr": target["expr"]}
        for number, (_, panel) in enumerate(PANELS)
        for target in panel["targets"]
    ]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", "queries.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
    assert len(rules) > 60


def test_every_metric_of_a_panel_is_told_or_promised() -> None:
    used = set().union(*(metrics_of(target["expr"]) for _, panel in PANELS for target in panel["targets"]))
    assert len(used) > 40
    assert used - documented() - PROMISED.keys() - OWN == set()


def test_nothing_is_promised_that_nobody_uses() -> None:
    from tests.watching.expressions import rules

    used = set().union(*(metrics_of(target["expr"]) for _, panel in PANELS for target in panel["targets"]))
    used |= set().union(*(metrics_of(rule["expr"]) for _, rule in rules()))
    assert PROMISED.keys() - used == set()


@pytest.mark.parametrize("name", FILES)
def test_panels_have_a_place_of_their_own(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    board = FILES[name]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= dashboards.COLUMNS
        taken |= cells
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["type"] in {"timeseries", "stat", "table"}


@pytest.mark.parametrize(
    ("name", "panel"), PANELS, ids=lambda value: value["title"] if isinstance(value, dict) else value
)
def test_a_query_asks_for_this_cluster_only(name: str, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert 'job="cluster-ai"' in target["expr"] or "ALERTS{" in target["expr"], target["expr"]
        assert "{J" not in target["expr"]


def test_the_provisioning_names_what_there_is() -> None:
    source = yaml.safe_load((dashboards.GRAFANA / "provisioning/datasources/prometheus.yml").read_text())
    assert [one["uid"] for one in source["datasources"]] == [dashboards.DATA["uid"]]
    provider = yaml.safe_load((dashboards.GRAFANA / "provisioning/dashboards/cluster-ai.yml").read_text())
    assert provider["providers"][0]["options"]["path"] == "/etc/grafana/cluster-ai"
