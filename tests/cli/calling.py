"""Calls the command line as a person does: a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment(home: Path, **more: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
    fixed = {"CLUSTER_AI_HOME": str(home), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
    return {**own, **fixed, **more}


def cli(*words: str, env: dict[str, str], stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cluster_ai.cli.main", *words],
        env=env, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip
