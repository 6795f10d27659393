"""Overviews as the API answers them: plain JSON values."""

import math
from typing import Any

GIB = 1024**3
MODELS = [
    {
        "name": "smollm2:135m",
        "size": 144_811_392,
        "family": "llama",
        "parameter_size": "134.5M",
        "quantization": "Q8_0",
    },
    {"name": "all-minilm:latest", "size": 45_960_996, "family": "bert", "parameter_size": "23M", "quantization": "F16"},
]


def node(number: int, **changes: Any) -> dict[str, Any]:
    """A healthy node."""
    return {
        "name": f"node-{number:02}",
        "url": f"http://192.168.1.{10 + number}:11434",
        "kind": "embedded" if number == 1 else "ollama",
        "state": "healthy",
        "breaker": "closed",
        "version": "0.12.6",
        "inflight": number % 4,
        "served": 100 * number,
        "failed": number % 3,
        "ttft_seconds": 0.080 + number / 50,
        "tokens_per_second": 12.5 * number,
        "last_seen_seconds": 0.4,
        "last_error": "",
        "models": [dict(model, loaded=index == 0, digest="", capabilities=[]) for index, model in enumerate(MODELS)],
    } | changes


def down(number: int) -> dict[str, Any]:
    return node(
        number,
        state="down",
        breaker="open",
        inflight=0,
        ttft_seconds=None,
        tokens_per_second=None,
        last_seen_seconds=74.0,
        last_error="connection refused",
        models=[],
    )


def worker(index: int) -> dict[str, Any]:
    return {
        "name": f"worker-{index}",
        "address": f"tcp://127.0.0.1:{8790 + 2 * index}",
        "host": "127.0.0.1",
        "threads": 1,
        "memory_limit": GIB,
        "memory": 180 * 1024**2 + index * 2**20,
        "cpu": 4.0 + index,
        "executing": 1,
        "ready": 3,
        "in_memory": 2,
        "last_seen_seconds": 0.3,
    }


def part(name: str, port: int, **changes: Any) -> dict[str, Any]:
    whole = {
        "name": name,
        "state": "ready",
        "pid": 4000 + port % 100,
        "port": port,
        "url": "",
        "uptime_seconds": 3725.0,
    }
    return whole | {"restarts": 0, "last_exit": "", "error": "", "log": ""} | changes


def cluster(*, nodes: int = 3, **changes: Any) -> dict[str, Any]:
    """A cluster of ``nodes`` nodes (the third is down), two workers and five parts."""
    members = [down(number) if number == 3 else node(number) for number in range(1, nodes + 1)]
    holders = [member["name"] for member in members if member["models"]]
    return {
        "at": 1_790_000_000.0,
        "system": {
            "name": "home",
            "version": "0.1.0",
            "uptime_seconds": 3725.0,
            "endpoints": {
                "api": "http://127.0.0.1:8000",
                "gateway": "http://127.0.0.1:11435",
                "dask_dashboard": "http://127.0.0.1:8787",
            },
            "host": {
                "hostname": "box",
                "cores": 8,
                "cpu": 37.5,
                "memory_total": 16 * GIB,
                "memory_used": 6 * GIB,
                "disk_total": 500 * GIB,
                "disk_used": 200 * GIB,
            },
            "parts": [
                part("scheduler", 8786),
                part("worker-0", 8790),
                part("node", 11436),
                part("gateway", 11435, restarts=2, last_exit="SIGKILL"),
                part("backend", 8000),
            ],
            "problems": ["node.down: node-03 does not answer (connection refused)"] if nodes >= 3 else [],
        },
        "rates": {
            "requests_per_second": 12.4,
            "tokens_per_second": 840.0,
            "errors_per_second": 0.0,
            "inflight": 5,
            "requests_total": 1200,
            "errors_total": 3,
            "output_tokens_total": 99_000,
        },
        "nodes": members,
        "models": [dict(model, capabilities=[], nodes=holders, loaded_on=holders[:1]) for model in MODELS],
        "compute": {
            "reachable": True,
            "address": "tcp://127.0.0.1:8786",
            "error": "",
            "dashboard": "http://127.0.0.1:8787",
            "workers": [worker(0), worker(1)],
            "tasks": [{"prefix": "count_words", "waiting": 2, "processing": 1, "finished": 40, "erred": 0}],
        },
        "gateway_reachable": True,
    } | changes


def empty() -> dict[str, Any]:
    """A cluster without nodes, models and workers."""
    whole = cluster(nodes=0, models=[])
    whole["compute"] |= {"workers": [], "tasks": []}
    return whole


def moved(overview: dict[str, Any], step: int) -> dict[str, Any]:
    """The same cluster a second later: every figure that moves in real life has moved."""
    wave = 1 + math.sin(step / 3) / 2
    host = overview["system"]["host"] | {"cpu": 30 + 20 * wave, "memory_used": int((5 + wave) * GIB)}
    rates = overview["rates"] | {
        "requests_per_second": 10 * wave + step % 3,
        "tokens_per_second": 700 * wave + step % 7,
        "inflight": step % 9,
    }
    nodes = [moved_node(node, step + index) for index, node in enumerate(overview["nodes"])]
    system = overview["system"] | {"host": host, "uptime_seconds": overview["system"]["uptime_seconds"] + 1}
    return overview | {"at": overview["at"] + 1, "system": system, "rates": rates, "nodes": nodes}


def moved_node(node: dict[str, Any], step: int) -> dict[str, Any]:
    if node["state"] == "down":
        return node | {"last_seen_seconds": node["last_seen_seconds"] + 1}
    return node | {
        "inflight": step % 5,
        "served": node["served"] + 2,
        "ttft_seconds": 0.08 + (step % 11) / 50,
        "tokens_per_second": 40 + 15 * math.sin(step / 2),
        "last_seen_seconds": (step % 10) / 10,
    }
