"""From a fresh checkout to the first token, by stage: ``./manager.sh bench start``.

Clones this tree into an empty folder, starts a cluster there on ports of its own with an empty home, asks one question
through the gateway, and stops it. Prints a table and writes ``start.json`` beside the other results.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUESTION = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "What is the capital of France?"}]}


def seconds(command: list[str], *, cwd: Path, env: dict[str, str]) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - began, done.stdout + done.stderr


def first_token(port: int) -> tuple[float, float]:
    """Seconds to the first line of the answer and to its end."""
    began = time.perf_counter()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/chat", data=json.dumps(QUESTION).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.readline()
        first = time.perf_counter() - began
        answer.read()
    return first, time.perf_counter() - began


def measure(base: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="cluster-ai-bench-") as folder:
        tree = Path(folder) / "tree"
        env = {key: value for key, value in os.environ.items() if not key.startswith(("CLUSTER_AI_", "VIRTUAL_ENV"))}
        env |= {"CLUSTER_AI_HOME": f"{folder}/home", "CLUSTER_AI_PORT_BASE": str(base), "NO_COLOR": "1"}
        clone, _ = seconds(["git", "clone", "-q", str(ROOT), str(tree)], cwd=ROOT, env=env)
        whole, said = seconds(["./manager.sh", "start"], cwd=tree, env=env)
        try:
            first, answer = first_token(base + 1)
        finally:
            stop, _ = seconds(["./manager.sh", "stop"], cwd=tree, env=env)
        again, _ = seconds(["./manager.sh", "start"], cwd=tree, env=env)
        seconds(["./manager.sh", "stop"], cwd=tree, env=env)
    stages = {
        f"stage: {name.strip()}": float(took)
        for name, took in re.findall(r"^\W*(\w[\w ,:-]*?)\W+(\d+\.\d+) s", said, re.MULTILINE)
    }
    return {
        "clone": clone, **stages, "start, everything fresh": whole, "first token": first,
        "whole answer": answer, "stop": stop, "start again": again,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-base", type=int, default=27_000)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "start.json")
    wanted = parser.parse_args()
    figures = measure(wanted.port_base)
    for name, value in figures.items():
        print(f"{name:<40} {value:8.2f} s")
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    wanted.json.write_text(json.dumps({"machine": machine, "seconds": figures}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
