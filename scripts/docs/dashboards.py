"""Writes ``config/grafana/dashboards/*.json`` from ``dashboards.toml``: ``python scripts/docs/dashboards.py``."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).parents[2] / "config" / "grafana"
SOURCE = GRAFANA / "dashboards.toml"
TARGET = GRAFANA / "dashboards"
DATA = {"type": "prometheus", "uid": "cluster-ai-prometheus"}
COLUMNS = 24
SCHEMA = 39
"""Of Grafana 11; later ones read it."""
_JOB = re.compile(r"([{,])J([,}])")


def expanded(query: str) -> str:
    """The short form of the one label that every query asks for, written out."""
    return _JOB.sub(r'\1job="cluster-ai"\2', query)


def targets(panel: dict[str, Any]) -> list[dict[str, Any]]:
    as_table = panel.get("kind") == "table"
    return [
        {
            "refId": chr(ord("A") + number),
            "datasource": DATA,
            "expr": expanded(query),
            "legendFormat": legend or "__auto",
            "instant": as_table,
            "range": not as_table,
            "format": "table" if as_table else "time_series",
        }
        for number, (legend, query) in enumerate(panel["queries"])
    ]


def options(kind: str) -> dict[str, Any]:
    if kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}
    if kind == "table":
        return {"showHeader": True}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}


def placed(panels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Panels in rows, as many side by side as fit; a row is as high as its highest."""
    made: list[dict[str, Any]] = []
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        kind, width = panel.get("kind", "timeseries"), panel.get("w", 8)
        if x + width > COLUMNS:
            x, y, height = 0, y + height, 0
        height = max(height, panel.get("h", 7))
        made.append(
            {
                "id": number,
                "type": kind,
                "title": panel["title"],
                "datasource": DATA,
                "gridPos": {"x": x, "y": y, "w": width, "h": panel.get("h", 7)},
                "fieldConfig": {"defaults": {"unit": panel["unit"]}, "overrides": []},
                "options": options(kind),
                "targets": targets(panel),
            }
        )
        x += width
    return made


def dashboard(name: str, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": f"cluster-ai-{name}",
        "title": told["title"],
        "tags": ["cluster-ai"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "title": "Cluster AI", "tags": ["cluster-ai"], "asDropdown": True}],
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": placed(told["panels"]),
    }


def made() -> dict[str, str]:
    """The files by name, as they are committed."""
    described = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    return {
        f"{name}.json": json.dumps(dashboard(name, told), indent=1, ensure_ascii=False) + "\n"
        for name, told in described.items()
    }


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    for name, text in made().items():
        (TARGET / name).write_text(text, encoding="utf-8")
        print(f"wrote {name}")
