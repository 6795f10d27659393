"""What every benchmark does with its figures: percentiles, tables on the terminal, JSON beside the other results."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
LIBRARIES = ("aiohttp", "uvicorn", "uvloop", "httptools", "orjson")


def percentile(values: Iterable[float], part: float) -> float:
    """The smallest value that ``part`` (0 to 1) of all do not exceed; nan of none."""
    row = sorted(values)
    return row[min(len(row) - 1, int(len(row) * part))] if row else float("nan")


def machine() -> dict[str, Any]:
    """Where and with what it was measured. ``load`` is the load average as the run ends: others may use the machine."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 1),
        "commit": commit(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def commit() -> str:
    """The checkout's commit; empty outside of one."""
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip()


def write(name: str, figures: Mapping[str, Any], *, path: Path | None = None) -> Path:
    """Writes ``benchmarks/results/NAME.json``, or ``path``: where it ran, and the figures."""
    path = path or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **figures}, indent=2) + "\n", encoding="utf-8")
    return path


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as what stands in them, the first to the left, the others to the right."""
    lines = [[str(column) for column in columns], *([shown(cell) for cell in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def shown(value: object) -> str:
    """Numbers with three digits that say something."""
    if not isinstance(value, float):
        return "" if value is None else str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
