"""Nodes that die and come back while streams run: ``./manager.sh bench gateway-chaos --seconds 300``.

Three fake nodes, 64 clients that ask one stream after the other; a seeded hand kills nodes and starts them again, at
most two are dead at a time. Counted: answers whole and equal to the undisturbed ones, failures before the first byte,
streams that broke in the middle against those that were on a node when it was killed, calls that the gateway believes
are still there when all have ended, and how its memory grows. Run as it comes, and with streams that go on elsewhere.
Prints a table and writes ``gateway_chaos.json`` beside the other results.
"""

import argparse
import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import Any

import aiohttp
import uvloop

from benchmarks.rig import results
from benchmarks.rig.client import Door, Got, ask, session
from benchmarks.rig.gateway import Running, gateway
from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.text import answer

MODEL = "llama3:latest"
NODES = 3
CLIENTS = 64
TOKENS = 40
RATE = 20.0
SLOTS = 64
LONGEST_ALIVE = 8.0
LONGEST_DEAD = 6.0
SETTLE_SECONDS = 5.0


@dataclass
class Seen:
    """What clients saw."""

    whole: int = 0
    wrong: int = 0
    """Ended well, with another text."""
    before: int = 0
    """No answer at all: refused, or failed before its first byte."""
    middle: int = 0
    silent: int = 0
    """Broke off without an error record."""
    resumed: int = 0
    kills: int = 0
    on_killed: int = 0
    """Streams that a node was writing when it was killed."""
    gaps: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    why: dict[str, int] = field(default_factory=dict)
    memory: list[tuple[float, float]] = field(default_factory=list)

    def add(self, got: Got, text: str) -> None:
        if got.first is not None:
            self.first.append(got.first)
        self.resumed += got.resumed
        if got.is_good(text):
            self.whole += 1
            return
        reason = (got.broken or f"status {got.status}")[:100]
        self.why[reason] = self.why.get(reason, 0) + 1
        if got.first is None:
            self.before += 1
        elif got.broken or not got.ended:
            self.middle += 1
            self.silent += not got.broken.startswith("error in the answer")
        else:
            self.wrong += 1


async def client(door: Door, http: aiohttp.ClientSession, seen: Seen, numbers: Iterator[int], until: float) -> None:
    while time.monotonic() < until:
        prompt = f"question {next(numbers)}"
        text = "".join(answer(MODEL, 0, [("user", prompt)], count=TOKENS, as_json=False))
        seen.add(await ask(http, door, prompt, stream=True), text)


async def hand(nodes: tuple[FakeNode, ...], rng: random.Random, seen: Seen, until: float) -> None:
    """Kills and revives until the time is over; then all live."""
    back: dict[FakeNode, float] = {}
    while time.monotonic() < until:
        await asyncio.sleep(rng.uniform(0.5, LONGEST_ALIVE) / NODES)
        for node in [node for node, at in back.items() if at <= time.monotonic()]:
            await asyncio.to_thread(node.restart)
            del back[node]
        alive = [node for node in nodes if node not in back]
        if len(alive) > 1:
            node = rng.choice(alive)
            back[node] = time.monotonic() + rng.uniform(0.5, LONGEST_DEAD)
            seen.on_killed += await asyncio.to_thread(kill, node)
            seen.kills += 1
    for node in back:
        await asyncio.to_thread(node.restart)


def kill(node: FakeNode) -> int:
    """Answers how many streams it was writing."""
    known = {row.number for row in node.log() if row.outcome != "open"}
    node.kill()
    return sum(row.outcome == "fault" and row.tokens > 0 for row in node.log() if row.number not in known)


async def watch(running: Running, seen: Seen, until: float) -> None:
    began = time.monotonic()
    while time.monotonic() < until:
        seen.memory.append((time.monotonic() - began, running.memory()))
        await asyncio.sleep(1.0)


async def chaos(fleet: Fleet, running: Running, wanted: argparse.Namespace) -> Seen:
    seen, numbers = Seen(), itertools.count()
    door, until = Door(running.url, "ollama", MODEL), time.monotonic() + wanted.seconds
    async with session() as http, asyncio.TaskGroup() as tasks:
        tasks.create_task(hand(fleet.nodes, random.Random(wanted.seed), seen, until))
        tasks.create_task(watch(running, seen, until))
        for _ in range(wanted.clients):
            tasks.create_task(client(door, http, seen, numbers, until))
    return seen


def left_over(running: Running) -> int:
    """Calls that it believes are there although all have ended."""
    deadline, found = time.monotonic() + SETTLE_SECONDS, 1
    while found and time.monotonic() < deadline:
        with suppress(OSError):
            state = running.state()
            found = state["inflight"] + sum(row["inflight"] for row in state["upstreams"])
        time.sleep(0.1)
    return int(found)


def figures(seen: Seen, left: int) -> dict[str, Any]:
    # Its first part is warming up: pools, caches and books are filled once.
    later = seen.memory[len(seen.memory) // 3 :]
    slope = linear_regression(*zip(*later, strict=True)).slope * 60 if len(later) > 2 else float("nan")
    return {
        "whole answers": seen.whole,
        "failed before the first byte": seen.before,
        "broke in the middle": seen.middle,
        "of those without an error record": seen.silent,
        "ended well with a wrong text": seen.wrong,
        "nodes killed": seen.kills,
        "streams on killed nodes": seen.on_killed,
        "went on from another node": seen.resumed,
        "first token p50, s": results.percentile(seen.first, 0.5),
        "first token p90, s": results.percentile(seen.first, 0.9),
        "first token p99, s": results.percentile(seen.first, 0.99),
        "calls left over": left,
        "RSS after a third, MiB": later[0][1],
        "RSS at the end, MiB": seen.memory[-1][1],
        "RSS growth, MiB a minute": slope,
        "reasons": seen.why,
    }


def run(wanted: argparse.Namespace, *, resume: bool) -> dict[str, Any]:
    knobs = {"models": [MODEL], "answer_tokens": TOKENS, "rate": RATE, "slots": SLOTS}
    with Fleet(NODES, **knobs) as fleet:
        nodes = {node.name: node.url for node in fleet.nodes}
        with gateway(nodes, slots=SLOTS, resume=resume) as running:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                seen = runner.run(chaos(fleet, running, wanted))
            return figures(seen, left_over(running))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the two runs")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    found = {"as it comes": run(wanted, resume=False), "resume": run(wanted, resume=True)}
    rows = [(name, *(one[name] for one in found.values())) for name in found["resume"] if name != "reasons"]
    print(results.table([f"{wanted.clients} clients, {wanted.seconds:.0f} s each", *found], rows))
    for name, one in found.items():
        for reason, count in one["reasons"].items():
            print(f"{name}: {count} x {reason}")
    about = {"seconds": wanted.seconds, "clients": wanted.clients, "seed": wanted.seed}
    print(results.write("gateway_chaos", {"run": about, "modes": found}, path=wanted.json))


if __name__ == "__main__":
    main()
