"""What a client sees when a node fails, cell by cell: ``./manager.sh bench gateway-faults``.

Three fake nodes have the model in memory. For each fault they start afresh, three honest requests must pass, and the
fault is put on the node that the gateway prefers at that moment; then chats are asked one after the other. A cell is
good when every answer is HTTP 200, without an error, with all of its tokens, equal to the undisturbed ones byte for
byte. Then: how soon a node that was restarted is used again, how 12 streams at once spread over the nodes against the
best way to spread them, and what a short answer costs.

The same is run on other gateways when they are installed in an environment of their own that is named:
``--peer litellm=/path/to/venv --peer herd=/path/to/venv --peer sollol=... --peer olla=/folder/of/the/binary``.
Prints tables and writes ``gateway_faults.json`` beside the other results.
"""

import argparse
import asyncio
import itertools
import json
import math
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import uvloop

from benchmarks.peers.adapters import MODEL, PEERS, Started, running
from benchmarks.rig import results
from benchmarks.rig.client import Door, Got, ask, session
from benchmarks.rig.gateway import gateway
from benchmarks.rig.wrk import wrk
from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.text import answer

T = TypeVar("T")

TOKENS = 20
RATE = 50.0
"""Tokens a second."""
NODES = 3
CLIENT_SECONDS = 75.0
FAULTS: dict[str, dict[str, Any]] = {
    "cut before headers": {"die_before": "rst"},
    "dies in mid-answer": {"die_after": 5},
    "falls silent in mid-answer": {"die_after": 5, "die_how": "stall"},
    "HTTP 500": {"status": 500},
    "HTTP 503, others idle": {"status": 503},
    "accepts, never answers": {"die_before": "stall"},
    "garbage in mid-answer": {"malformed_at": 5},
    "killed": {},
}
LOAD_SECONDS = 2.0
STREAMS = 12
SLOTS = (1, 4, 100)
PACE = 20.0
"""Tokens a second of the streams that spread: each lasts a second."""


@dataclass
class Cell:
    """One fault, streamed or not."""

    good: int = 0
    asked: int = 0
    slowest: float = 0.0
    faulty_hits: int = 0
    """Requests that reached the faulty node."""
    seen: list[str] = field(default_factory=list)
    """What went wrong, each once."""
    resumed: int = 0

    def add(self, got: Got, text: str) -> None:
        self.asked += 1
        self.good += got.is_good(text)
        self.slowest = max(self.slowest, got.seconds)
        said = got.broken or ("" if got.is_good(text) else f"{got.status}, {got.pieces} pieces, ended: {got.ended}")
        if said and said not in self.seen:
            self.seen.append(said)

    @property
    def text(self) -> str:
        return f"{self.good}/{self.asked}, {self.slowest:.1f} s"


@dataclass
class Bench:
    """One gateway over the fleet."""

    started: Started
    fleet: Fleet
    session: aiohttp.ClientSession
    count: int
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def door(self) -> Door:
        return self.started.door

    def question(self) -> tuple[str, str]:
        """A prompt that nobody asked before, and its answer."""
        prompt = f"question {next(self.numbers)}"
        said = answer(MODEL, 0, [("user", prompt)], count=TOKENS, as_json=False)
        return prompt, "".join(said)

    async def one(self, cell: Cell, *, stream: bool) -> Got:
        prompt, text = self.question()
        got = await ask(self.session, self.door, prompt, stream=stream, limit=CLIENT_SECONDS)
        cell.add(got, text)
        return got

    async def fresh(self) -> FakeNode:
        """All nodes new, the model in their memory, three honest answers given; the node preferred now.

        Raises:
            SystemExit: honest nodes, and it does not answer.
        """
        for node in self.fleet.nodes:
            node.kill()
        self.fleet.default()
        await warm(self.session, self.fleet.nodes)
        await self.until_honest()
        for node in self.fleet.nodes:
            node.reset_counters()
        cell = Cell()
        for _ in range(2):
            await self.one(cell, stream=True)
        return max(self.fleet.nodes, key=lambda node: max((row.at for row in node.log()), default=0.0))

    async def until_honest(self) -> None:
        """A gateway may take its time to believe that the nodes are back."""
        deadline, good = time.monotonic() + 90, 0
        while good < 3:
            cell = Cell()
            await self.one(cell, stream=True)
            good = good + 1 if cell.good else 0
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.started.name}: honest nodes, and no answer: {cell.seen}")
            await asyncio.sleep(0.2 if cell.good else 0.5)

    async def fault(self, name: str, *, stream: bool) -> Cell:
        node, cell = await self.fresh(), Cell()
        node.reset_counters()
        if FAULTS[name]:
            node.set(**FAULTS[name])
        else:
            node.kill()
        for _ in range(self.count):
            got = await self.one(cell, stream=stream)
            cell.resumed += got.resumed
        cell.faulty_hits = node.counters().started
        return cell

    async def used_again(self) -> float:
        """Seconds from a node's restart to its next request, while nine clients ask all the time; inf: not in 60.

        The model is in its memory right after the restart: what is measured is whether it is believed to be back.
        """
        node = await self.fresh()
        node.kill()
        stop, cell = asyncio.Event(), Cell()
        clients = [asyncio.create_task(self._keep_asking(stop, cell)) for _ in range(3 * NODES)]
        await asyncio.sleep(5)
        node.restart()
        await warm(self.session, [node])
        node.reset_counters()
        began = time.monotonic()
        try:
            while not node.counters().started:
                if time.monotonic() - began > 60:
                    return math.inf
                await asyncio.sleep(0.02)
            return time.monotonic() - began
        finally:
            stop.set()
            await asyncio.gather(*clients)

    async def _keep_asking(self, stop: asyncio.Event, cell: Cell) -> None:
        while not stop.is_set():
            await self.one(cell, stream=True)

    async def spread(self, slots: int, warm_nodes: int) -> dict[str, Any]:
        """12 streams at once, twice, the second time counted: the first lets a gateway learn what nodes are like."""
        found: dict[str, Any] = {}
        for _ in range(2):
            self.fleet.default()
            self.fleet.set(rate=PACE, slots=slots, load=LOAD_SECONDS)
            for node in self.fleet.nodes:
                node.forget()
            await warm(self.session, self.fleet.nodes[:warm_nodes])
            # Whoever watches the nodes has seen by then what they have in memory.
            await asyncio.sleep(6.0 if self.started.name == "herd" else 1.5)
            for node in self.fleet.nodes:
                node.reset_counters()
            cell = Cell()
            got = await asyncio.gather(*(self.one(cell, stream=True) for _ in range(STREAMS)))
            found = {
                "hits": [node.counters().started for node in self.fleet.nodes],
                "slowest": max(one.seconds for one in got),
                "last first byte": max(one.first or math.inf for one in got),
                "failed": cell.asked - cell.good,
                "best": best_spread(slots, warm_nodes),
            }
        return found | {"of the best": found["slowest"] / found["best"]}


async def warm(client: aiohttp.ClientSession, nodes: Sequence[FakeNode]) -> None:
    """The model in their memory."""

    async def one(node: FakeNode) -> None:
        async with client.post(f"{node.url}/api/generate", json={"model": MODEL, "stream": False}) as said:
            await said.read()

    await asyncio.gather(*(one(node) for node in nodes))


def best_spread(slots: int, warm_nodes: int) -> float:
    """Seconds until the last of the streams ends when they are spread best: every way to spread them is looked at."""
    lasts = TOKENS / PACE
    ways = itertools.product(range(STREAMS + 1), repeat=NODES)
    return min(
        max(
            (0.0 if number < warm_nodes else LOAD_SECONDS) + math.ceil(count / slots) * lasts
            for number, count in enumerate(way)
            if count
        )
        for way in ways
        if sum(way) == STREAMS
    )


def overhead(door: Door, direct: str, rounds: int) -> dict[str, float]:
    """Short answers, not streamed: medians of rounds in turns with the same straight to a node."""
    body = json.dumps(door.body("hello", stream=False))
    nodes = json.dumps(Door(direct, "ollama", MODEL).body("hello", stream=False))
    rows: dict[str, list[float]] = {"p50": [], "direct p50": [], "rate": [], "direct rate": []}
    for _ in range(rounds):
        for prefix, url, said in (("", door.chat_url, body), ("direct ", f"{direct}/api/chat", nodes)):
            rows[f"{prefix}p50"].append(wrk(url, said, connections=1, seconds=2, headers=door.headers).p50)
            rows[f"{prefix}rate"].append(wrk(url, said, connections=32, seconds=2, headers=door.headers).rate)
    middle = {name: results.percentile(values, 0.5) for name, values in rows.items()}
    return {
        "added p50, ms": (middle["p50"] - middle["direct p50"]) * 1000,
        "requests a second, 32 connections": middle["rate"],
        "the same direct": middle["direct rate"],
    }


async def measure(started: Started, fleet: Fleet, wanted: argparse.Namespace) -> dict[str, Any]:
    """Everything, on one gateway."""
    cells: dict[str, dict[str, Any]] = {}
    async with session() as client:
        bench = Bench(started, fleet, client, wanted.count)
        # First: later its nodes have failed so often that whoever takes note trusts some of them less.
        again = math.nan if wanted.faults else await bench.used_again()
        for name in wanted.faults or FAULTS:
            for kind, stream in (("whole", False), ("streamed", True)):
                try:
                    cell = await bench.fault(name, stream=stream)
                except SystemExit as exc:
                    cell = Cell(seen=[str(exc)])
                cells.setdefault(name, {})[kind] = asdict(cell) | {"text": cell.text}
                print(f"{started.name}: {name}, {kind}: {cell.text}; {'; '.join(cell.seen)[:150]}", flush=True)
        if wanted.faults:
            return {"cells": cells}
        print(f"{started.name}: a restarted node is used again after {again:.1f} s", flush=True)
        fleet.default()
        fleet.set(answer_tokens=1, rate=0, slots=100)
        await warm(client, fleet.nodes)
    memory = started.memory()
    figures = await asyncio.to_thread(overhead, started.door, fleet.nodes[0].url, wanted.rounds)
    return {"cells": cells, "used again, s": again, "overhead": figures, "RSS, MiB": memory}


def spreads(name: str, place: Path | None, *, known: bool = False) -> dict[str, Any]:
    """Every way to spread the streams, each number of slots on a gateway of its own: nodes keep theirs.

    ``known``: it is told the slots.
    """
    found: dict[str, Any] = {}
    for slots in SLOTS:
        nodes = Fleet(NODES, models=[MODEL], answer_tokens=TOKENS, rate=RATE)
        with nodes as fleet, target(name, place, fleet, slots=slots if known else None) as started:
            for warm_nodes in (NODES, 1):
                row = found[f"{slots} slots, {warm_nodes} warm"] = run(spread(started, fleet, slots, warm_nodes))
                print(f"{name}: {STREAMS} streams, {slots} slots, {warm_nodes} warm: {row}", flush=True)
    return found


async def spread(started: Started, fleet: Fleet, slots: int, warm_nodes: int) -> dict[str, Any]:
    async with session() as client:
        return await Bench(started, fleet, client, 0).spread(slots, warm_nodes)


@contextmanager
def target(name: str, place: Path | None, fleet: Fleet, *, slots: int | None = None) -> Iterator[Started]:
    """The gateway of that name over the fleet: ours, or a peer's."""
    if name in PEERS:
        assert place is not None
        with running(PEERS[name], place, [node.url for node in fleet.nodes]) as started:
            yield started
        return
    nodes = {node.name: node.url for node in fleet.nodes}
    with gateway(nodes, slots=slots, resume=name == "cluster-ai, resume") as ours:
        yield Started(name, Door(ours.url, "ollama", MODEL), (ours.process,))


def show(found: dict[str, dict[str, Any]]) -> None:
    print("\n" + results.table(["good answers, the slowest", *found], rows_of(found)))


def rows_of(found: dict[str, dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    """One for each figure, a column for each gateway."""
    one, all_of_them = next(iter(found.values())), list(found.values())
    for fault, kind in itertools.product(one["cells"], ("whole", "streamed")):
        yield f"{fault}, {kind}", *(each["cells"][fault][kind]["text"] for each in all_of_them)
    if "spread" not in one:
        return
    yield "restarted node used again, s", *(each["used again, s"] for each in all_of_them)
    for way in one["spread"]:
        yield f"spread: {way}, of the best", *(each["spread"][way]["of the best"] for each in all_of_them)
    for way, row in one.get("spread, slots known", {}).items():
        yield f"spread, slots known: {way}, of the best", row["of the best"], *("" for _ in all_of_them[1:])
    for figure in one["overhead"]:
        yield figure, *(each["overhead"][figure] for each in all_of_them)
    yield "RSS, MiB", *(each["RSS, MiB"] for each in all_of_them)


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=8, help="requests in each cell")
    parser.add_argument("--rounds", type=int, default=3, help="of the overhead")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PLACE", help=", ".join(PEERS))
    parser.add_argument("--only", action="append", default=[], help="only this gateway")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, help="only these, and nothing else")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    places = {name: Path(place) for name, _, place in (row.partition("=") for row in wanted.peer)}
    if unknown := places.keys() - PEERS.keys():
        parser.error(f"no adapter for {', '.join(unknown)}; there are {', '.join(PEERS)}")
    names = wanted.only or ["cluster-ai", "cluster-ai, resume", *places]
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        nodes = Fleet(NODES, models=[MODEL], answer_tokens=TOKENS, rate=RATE)
        with nodes as fleet, target(name, places.get(name), fleet) as started:
            found[name] = run(measure(started, fleet, wanted))
            if not wanted.faults:
                # At once: figures of many minutes must not depend on how a gateway ends.
                results.write("gateway_faults", {"gateways": found}, path=wanted.json)
        if not wanted.faults:
            found[name]["spread"] = spreads(name, places.get(name))
    if "cluster-ai" in found and not wanted.faults:
        found["cluster-ai"]["spread, slots known"] = spreads("cluster-ai", None, known=True)
    if not wanted.faults:
        results.write("gateway_faults", {"gateways": found}, path=wanted.json)
    show(found)


if __name__ == "__main__":
    main()
