"""Short requests through the gateway against nginx as a proxy: ``./manager.sh bench gateway-short``.

wrk posts a chat of 600 bytes, one thread, to a node that answers at once (nginx with ``return 200``): straight, through
nginx as a proxy, through the least relay that can be written in Python, and through one gateway process, in turns.
nginx is the limit of what a proxy can do (with connections to the node kept, and without, as it does unasked), the bare
relay that of uvicorn and aiohttp; the gateway reads the request,
routes it, reads the answer's records, counts and settles. Absolute times belong to the machine: what counts is the
ratio within one run. Prints a table and writes ``gateway_short.json`` beside the others.
"""

import argparse
import json
import pstats
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.rig import nginx, results
from benchmarks.rig.bare import bare
from benchmarks.rig.gateway import gateway
from benchmarks.rig.wrk import Ran, version, wrk

BODY_BYTES = 600
WORST_RATIO = 0.15
"""Of nginx's requests a second: the bar."""
LARGEST_ADDED_MS = 0.3


def chat(size: int, *, stream: bool) -> str:
    """A chat request of that many bytes."""
    fields: dict[str, Any] = {"model": nginx.MODEL, "stream": stream, "messages": [{"role": "user", "content": ""}]}
    fields["messages"][0]["content"] = "word " * ((size - len(json.dumps(fields))) // 5)
    return json.dumps(fields).ljust(size)


@dataclass
class Way:
    """One way to the node, and what was measured on it in every round."""

    url: str
    process: psutil.Process
    busy: list[Ran] = field(default_factory=list)
    lone: list[Ran] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Processor seconds of ``process`` for each request of the busy rounds."""

    def round(self, send: Callable[[str, int], Ran], connections: int) -> None:
        before = sum(self.process.cpu_times()[:2])
        self.busy.append(send(self.url, connections))
        self.cpu.append((sum(self.process.cpu_times()[:2]) - before) / max(1, self.busy[-1].requests))
        self.lone.append(send(self.url, 1))

    def figures(self) -> dict[str, float]:
        return {
            "requests a second": median(ran.rate for ran in self.busy),
            "p50, ms": median(ran.p50 for ran in self.busy) * 1000,
            "p99, ms": median(ran.p99 for ran in self.busy) * 1000,
            "p50 at one connection, ms": median(ran.p50 for ran in self.lone) * 1000,
            "CPU for a request, us": median(self.cpu) * 1e6,
            "failed": float(sum(ran.failed for ran in (*self.busy, *self.lone))),
        }


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    body = chat(BODY_BYTES, stream=wanted.stream)
    headers = {"Authorization": f"Bearer {wanted.key}"} if wanted.key else {}

    def send(url: str, connections: int) -> Ran:
        return wrk(url, body, connections=connections, seconds=wanted.seconds, headers=headers)

    with ExitStack() as stack:
        node, worker = stack.enter_context(nginx.node())
        ways = {
            "direct": (node, worker),
            "nginx": stack.enter_context(nginx.proxy(node, reuse=True)),
            "nginx, unasked": stack.enter_context(nginx.proxy(node, reuse=False)),
            "bare relay": stack.enter_context(bare(f"http://127.0.0.1:{node}")),
        }
        ours = stack.enter_context(gateway({"node": f"http://127.0.0.1:{node}"}, profile=wanted.profile))
        ways["gateway"] = (ours.port, ours.process)
        rows = {name: Way(f"http://127.0.0.1:{port}{wanted.path}", by) for name, (port, by) in ways.items()}
        for way in rows.values():
            wrk(way.url, body, connections=wanted.connections, seconds=1, headers=headers)
        for _ in range(wanted.rounds):
            for way in rows.values():
                way.round(send, wanted.connections)
        memory = ours.memory()
    return {"ways": {name: way.figures() for name, way in rows.items()}, "gateway RSS, MiB": memory}


def judged(figures: dict[str, Any]) -> dict[str, float]:
    """What the bars are about."""
    ways = figures["ways"]
    ours, least, limit, direct = ways["gateway"], ways["bare relay"], ways["nginx"], ways["direct"]
    unasked = ways["nginx, unasked"]["requests a second"]
    return {
        "requests a second, of nginx's": ours["requests a second"] / limit["requests a second"],
        "requests a second, of nginx's unasked": ours["requests a second"] / unasked,
        "requests a second, of the bare relay's": ours["requests a second"] / least["requests a second"],
        "the bare relay's, of nginx's": least["requests a second"] / limit["requests a second"],
        "CPU for a request, of nginx's": ours["CPU for a request, us"] / limit["CPU for a request, us"],
        "added p50 at one connection, ms": ours["p50 at one connection, ms"] - direct["p50 at one connection, ms"],
        "the same by nginx, ms": limit["p50 at one connection, ms"] - direct["p50 at one connection, ms"],
    }


def show(figures: dict[str, Any], *, connections: int) -> None:
    ways = figures["ways"]
    print(f"{BODY_BYTES}-byte chats, wrk -t1 -c{connections}\n")
    print(results.table(["", *ways], [(name, *(way[name] for way in ways.values())) for name in ways["gateway"]]))
    print()
    for name, value in figures["judged"].items():
        print(f"{name}: {results.shown(value)}")
    print(f"gateway RSS, MiB: {results.shown(figures['gateway RSS, MiB'])}")
    print(f"bars: at least {WORST_RATIO} of nginx's requests a second, at most {LARGEST_ADDED_MS} ms added")


def hot_spots(path: Path, count: int = 40) -> None:
    """The profile's dearest functions; of stacks, the share of time in each function and in what it calls."""
    if path.suffix != ".stacks":
        pstats.Stats(str(path)).sort_stats("tottime").print_stats(count)
        return
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        seen, _, stack = line.partition(" ")
        frames = stack.split(";")
        alone[frames[-1]] += int(seen)
        within.update(dict.fromkeys(frames, int(seen)))
    for title, found in (("itself", alone), ("with what it calls", within)):
        rows = [(name, 100 * seen / alone.total()) for name, seen in found.most_common(count)]
        print("\n" + results.table([title, "%"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--path", default="/api/chat")
    parser.add_argument("--stream", action="store_true", help="ask for a stream")
    parser.add_argument("--key", default="", help="an API key to send")
    parser.add_argument("--profile", type=Path, help="profile the gateway into this file; .stacks: stacks, not calls")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    figures = measure(wanted)
    figures["judged"] = judged(figures)
    show(figures, connections=wanted.connections)
    told = subprocess.run([nginx.program("nginx"), "-v"], capture_output=True, text=True, check=False).stderr
    figures["versions"] = {"nginx": told.strip().rpartition("/")[2], "wrk": version()}
    if wanted.profile:
        hot_spots(wanted.profile)
        return
    print(results.write("gateway_short", figures, path=wanted.json))


if __name__ == "__main__":
    main()
