"""Streams through the gateway against the same streams direct to the nodes: ``./manager.sh bench gateway-streams``.

A fleet of fake nodes writes tokens at a fixed rate; clients read them, first straight from the nodes, then through one
gateway process, in turns. The nodes' slots are configured; with ``--learn`` the gateway finds them out, and rounds
before the counted ones let it. Absolute times belong to the machine: what counts is the ratio within one run. Prints a
table and writes ``gateway_streams.json`` beside the other results.
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.rig import results
from benchmarks.rig.gateway import Running, gateway
from benchmarks.rig.streams import Figures, one_round
from tests.fakes.fleet import Fleet

NODES = 8
MODEL = "smollm2:135m"
SLOTS = 100
LEARNING_ROUNDS = 4


async def measure(count: int, wanted: argparse.Namespace) -> dict[str, Any]:
    """Rounds in turns, direct and through the gateway."""
    with Fleet(NODES, rate=wanted.rate, answer_tokens=wanted.tokens, slots=10_000) as fleet:
        nodes = {node.name: node.url for node in fleet.nodes}
        with gateway(nodes, slots=None if wanted.learn else SLOTS, profile=wanted.profile) as running:
            ports = {"direct": [node.port for node in fleet.nodes], "gateway": [running.port]}
            # The models are loaded, and the gateway has seen it.
            await one_round(ports["direct"], NODES, MODEL)
            await asyncio.sleep(2.5)
            for _ in range(LEARNING_ROUNDS if wanted.learn else 1):
                await one_round(ports["gateway"], count if wanted.learn else NODES, MODEL)
            figures = await rounds(count, wanted, ports, running)
            memory = running.memory()
    through, direct = figures["gateway"].table(), figures["direct"].table()
    return {
        "direct": direct,
        "gateway": through,
        "ratio": {name: through[name] / direct[name] for name in through if direct[name]},
        "added to the first byte p99, ms": through["first byte p99, ms"] - direct["first byte p99, ms"],
        "gateway CPU seconds per 1000 tokens": figures["gateway"].cpu / max(1, figures["gateway"].tokens) * 1000,
        "gateway RSS, MiB": memory,
    }


async def rounds(
    count: int, wanted: argparse.Namespace, ports: dict[str, list[int]], running: Running
) -> dict[str, Figures]:
    figures = {"direct": Figures(), "gateway": Figures()}
    for number in range(wanted.rounds * 2):
        kind = ("direct", "gateway")[number % 2]
        found, busy, began = figures[kind], running.cpu(), time.perf_counter()
        streams = await one_round(ports[kind], count, MODEL)
        found.seconds += time.perf_counter() - began
        found.cpu += running.cpu() - busy
        found.add(streams, rate=wanted.rate, tokens=wanted.tokens)
    return figures


def show(count: int, figures: dict[str, Any]) -> None:
    rows = [
        (name, figures["direct"][name], value, figures["ratio"].get(name)) for name, value in figures["gateway"].items()
    ]
    print(f"\n{results.table([f'{count} streams', 'direct', 'gateway', 'ratio'], rows)}")
    for name in ("added to the first byte p99, ms", "gateway CPU seconds per 1000 tokens", "gateway RSS, MiB"):
        print(f"{name}: {results.shown(figures[name])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[100, 400, 800, 1500])
    parser.add_argument("--rate", type=float, default=20.0, help="tokens per second of each stream")
    parser.add_argument("--tokens", type=int, default=80, help="length of an answer")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--learn", action="store_true", help="the gateway is not told how many slots nodes have")
    parser.add_argument("--profile", type=Path, help="profile the gateway into this file; .stacks: stacks, not calls")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    told = {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for count in wanted.streams:
            told[str(count)] = runner.run(measure(count, wanted))
            show(count, told[str(count)])
    print(results.write("gateway_streams", {"streams": told}, path=wanted.json))


if __name__ == "__main__":
    main()
