"""The registry's metrics, and their place in the reference."""

import re
from pathlib import Path

from tests.backend.running import Api

PAGE = Path(__file__).parents[2] / "docs/reference/metrics.md"


def test_instances_watchers_and_changes_are_counted(api: Api) -> None:
    with api.local() as client:
        for kind in ("engine", "my-own", "my-other"):
            client.post("/api/v1/registry/instances", json={"name": "a", "kind": kind})
        text = client.get("/metrics").text
    rows = dict(re.findall(r"^(cluster_ai_registry_\S+) (\S+)$", text, re.MULTILINE))
    assert float(rows['cluster_ai_registry_instances{kind="engine",state="healthy"}']) == 1
    assert float(rows['cluster_ai_registry_instances{kind="other",state="healthy"}']) == 2
    assert float(rows["cluster_ai_registry_changes_total"]) >= 3
    written = set(re.findall(r"`(cluster_ai_registry_\w+)`", PAGE.read_text()))
    told = {name.partition("{")[0] for name in rows if not name.endswith("_created")}
    assert told == written
