"""Streams through the gateway against the same streams direct to the nodes: ``./manager.sh bench gateway_streams``.

A fleet of fake nodes writes tokens at a fixed rate; clients read them, first straight from the nodes, then through one
gateway process, in turns. Absolute times belong to the machine: what counts is the ratio within one run. Prints a table
and writes ``gateway_streams.json`` beside the other results.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import uvloop

from cluster_ai.core.paths import Home
from tests.fakes.fleet import Fleet

ROOT = Path(__file__).parents[1]
NODES = 8
SPREAD_SECONDS = 1.0
"""The streams of a round begin over this time, as clients do, not in one instant."""
TOKEN = b'"done":false'
END = b'"done":true'


class Stream(asyncio.Protocol):
    """One client. Remembers when each token came; ``ended`` is true when the answer was whole."""

    def __init__(self, port: int) -> None:
        body = json.dumps({"model": "smollm2:135m", "messages": [{"role": "user", "content": "hi"}]}).encode()
        head = f"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        self.request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self.at: list[float] = []
        self.ended = False
        self.began = 0.0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.began = time.perf_counter()
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self.at += [now] * data.count(TOKEN)
        self.ended = self.ended or END in data

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed.set_result(None)


@dataclass
class Figures:
    """Of all rounds of one kind. Seconds."""

    first: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    failed: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    def add(self, streams: list[Stream], *, rate: float, tokens: int) -> None:
        for stream in streams:
            if not stream.ended or len(stream.at) != tokens:
                self.failed += 1
                continue
            self.first.append(stream.at[0] - stream.began)
            # When each token was due, counted from the first: what is later is lag.
            self.lag += [max(0.0, at - stream.at[0] - number / rate) for number, at in enumerate(stream.at)]
        self.tokens += sum(len(stream.at) for stream in streams)

    def table(self) -> dict[str, float]:
        return {
            "first byte p50, ms": percentile(self.first, 0.5) * 1000,
            "first byte p99, ms": percentile(self.first, 0.99) * 1000,
            "token lag p50, ms": percentile(self.lag, 0.5) * 1000,
            "token lag p99, ms": percentile(self.lag, 0.99) * 1000,
            "tokens per second": self.tokens / self.seconds,
            "failed streams": float(self.failed),
        }


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


async def one_round(ports: list[int], count: int) -> list[Stream]:
    loop = asyncio.get_running_loop()

    async def one(number: int) -> Stream:
        await asyncio.sleep(number / count * SPREAD_SECONDS)
        port = ports[number % len(ports)]
        _, stream = await loop.create_connection(lambda: Stream(port), "127.0.0.1", port)
        await stream.closed
        return stream

    return list(await asyncio.gather(*(one(number) for number in range(count))))


def free_base() -> int:
    for base in range(33_000, 45_000, 40):
        try:
            for port in range(base, base + 3):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return base
    raise SystemExit("no free ports")


@contextmanager
def gateway(fleet: Fleet) -> Iterator[tuple[int, psutil.Process]]:
    """The real process over the fleet: its port, and it."""
    base = free_base()
    with tempfile.TemporaryDirectory(prefix="cluster-ai-bench-") as folder:
        home = Home(Path(folder) / "home")
        home.make()
        rows = ", ".join(f'{{name = "{node.name}", url = "{node.url}"}}' for node in fleet.nodes)
        home.config.write_text(f"[gateway]\nfind_local_ollama = false\nupstreams = [{rows}]\n[node]\nenabled = false\n")
        env = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
        env |= {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORT_BASE": str(base), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.serve", "gateway"], env=env, stderr=subprocess.DEVNULL, cwd=ROOT
        )
        try:
            wait_for_models(base + 1, process)
            yield base + 1, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=10)


def wait_for_models(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tags", timeout=2) as answer:
                if json.load(answer)["models"]:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the gateway does not serve")


async def measure(count: int, *, rate: float, tokens: int, rounds: int) -> dict[str, Any]:
    figures = {"direct": Figures(), "gateway": Figures()}
    with Fleet(NODES, rate=rate, answer_tokens=tokens, slots=10_000) as fleet, gateway(fleet) as (port, process):
        ports = {"direct": [node.port for node in fleet.nodes], "gateway": [port]}
        await one_round(ports["gateway"], NODES)
        for number in range(rounds * 2):
            kind = ("direct", "gateway")[number % 2]
            found, busy, began = figures[kind], sum(process.cpu_times()[:2]), time.perf_counter()
            streams = await one_round(ports[kind], count)
            found.seconds += time.perf_counter() - began
            found.cpu += sum(process.cpu_times()[:2]) - busy
            found.add(streams, rate=rate, tokens=tokens)
        memory = process.memory_info().rss / 2**20
    through, direct = figures["gateway"].table(), figures["direct"].table()
    return {
        "direct": direct,
        "gateway": through,
        "ratio": {name: through[name] / direct[name] for name in through if direct[name]},
        "gateway CPU seconds per 1000 tokens": figures["gateway"].cpu / max(1, figures["gateway"].tokens) * 1000,
        "gateway RSS, MiB": memory,
    }


def show(count: int, figures: dict[str, Any]) -> None:
    print(f"\n{count} streams\n{'':<24}{'direct':>10}{'gateway':>10}{'ratio':>8}")
    for name, value in figures["gateway"].items():
        ratio = figures["ratio"].get(name)
        print(f"{name:<24}{figures['direct'][name]:>10.2f}{value:>10.2f}{'' if ratio is None else f'{ratio:>8.2f}'}")
    print(f"gateway: {figures['gateway CPU seconds per 1000 tokens']:.3f} s CPU per 1000 tokens, ", end="")
    print(f"{figures['gateway RSS, MiB']:.0f} MiB resident")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--rate", type=float, default=20.0, help="tokens per second of each stream")
    parser.add_argument("--tokens", type=int, default=80, help="length of an answer")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "gateway_streams.json")
    wanted = parser.parse_args()
    results = {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for count in wanted.streams:
            work = measure(count, rate=wanted.rate, tokens=wanted.tokens, rounds=wanted.rounds)
            results[str(count)] = runner.run(work)
            show(count, results[str(count)])
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    wanted.json.write_text(json.dumps({"machine": machine, "streams": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
