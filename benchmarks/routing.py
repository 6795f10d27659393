"""How well calls are routed, in virtual time: ``./manager.sh bench routing``.

Traces drawn from seeds (users whose conversations grow, agents that send bursts, tasks that nobody waits for) are
replayed over simulated machines that differ, through the gateway's own routing, admission and loading code, and through
what it is compared with: round robin, least connections, the less busy of two drawn at random, and an oracle that sees
the nodes' real state, the lengths of answers and what will be asked (a greedy: better informed than anything real can
be, yet no proof of what is possible; of its variants the one counts that is the best for all traces). The first part
of a trace is not counted, for nobody: a gateway that just began knows nothing of its nodes. Prints tables and writes
``routing.json`` beside the others. Bars: time to the first token of calls that somebody waits for, at the 95th
percentile, at most half of the best simple policy's and at most 1.25 of the oracle's; loads at most 1.2 of its loads.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.rig import results
from benchmarks.simulator.nodes import Node, fleet
from benchmarks.simulator.ours import through_gateway
from benchmarks.simulator.replay import (
    Outcome,
    least_connections,
    loaded_first,
    oracles,
    random_of_two,
    replay,
    round_robin,
)
from benchmarks.simulator.trace import SCENES, Call, Scene
from cluster_ai.gateway.types import Strategy

SIMPLE = ("round robin", "least connections", "random of two")
OURS = "the gateway"
ORACLE = "oracle"
BARS = {"of the best simple policy": 0.5, "of the oracle": 1.25, "loads, of the oracle's": 1.2}

Way = Callable[[Sequence[Call], Scene], Outcome]


def nodes_of(scene: Scene, *, by_urgency: bool = False) -> list[Node]:
    return fleet(scene.nodes, by_urgency=by_urgency)


def ways(seed: int, *, strategies: bool) -> dict[str, Way]:
    """Everything that is compared but the oracle."""
    found: dict[str, Way] = {
        "round robin": lambda calls, scene: replay(calls, nodes_of(scene), round_robin()),
        "least connections": lambda calls, scene: replay(calls, nodes_of(scene), least_connections()),
        "random of two": lambda calls, scene: replay(calls, nodes_of(scene), random_of_two(seed)),
        "least connections, loaded first": lambda calls, scene: replay(calls, nodes_of(scene), loaded_first()),
        OURS: lambda calls, scene: through_gateway(calls, nodes_of(scene)),
    }
    for strategy in Strategy if strategies else ():
        found[f"the gateway's {strategy.value}"] = lambda calls, scene, chosen=strategy: through_gateway(  # type: ignore[misc]
            calls, nodes_of(scene), strategy=chosen
        )
    return found


def oracle(traces: Sequence[Sequence[Call]], scene: Scene, after: float) -> list[dict[str, float]]:
    """Of each trace; by the one of its variants that is the best for all of them together."""
    tried = [
        [figures(replay(calls, nodes_of(scene, by_urgency=True), each), after) for each in oracles(calls)]
        for calls in traces
    ]
    return list(min(zip(*tried, strict=True), key=lambda rows: mean(row["p95"] for row in rows)))


def figures(outcome: Outcome, after: float) -> dict[str, float]:
    """Of the calls that came after so many seconds; loads of the same time."""
    counted = replace(outcome, jobs=[job for job in outcome.jobs if job.arrived >= after])
    waited, calm = counted.waits(urgent=True), counted.waits(urgent=False)
    return {
        "p50": results.percentile(waited, 0.5),
        "p95": results.percentile(waited, 0.95),
        "p99": results.percentile(waited, 0.99),
        "nobody waits, p95": results.percentile(calm, 0.95),
        "whole answer p95": results.percentile(counted.lasted(urgent=True), 0.95),
        "loads": float(sum(at >= after for at in outcome.loads)),
        "refused": float(len(outcome.refused)),
    }


def measure(scene: Scene, seeds: Sequence[int], *, after: float, strategies: bool) -> dict[str, dict[str, float]]:
    """Means over the seeds, by way."""
    rows: dict[str, list[dict[str, float]]] = {}
    traces = [scene.draw(seed) for seed in seeds]
    for seed, calls in zip(seeds, traces, strict=True):
        for name, way in ways(seed, strategies=strategies).items():
            rows.setdefault(name, []).append(figures(way(calls, scene), after))
    rows[ORACLE] = oracle(traces, scene, after)
    return {name: {key: mean(one[key] for one in found) for key in found[0]} for name, found in rows.items()}


def judged(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """What the bars are about."""
    ours, best = found[OURS], found[ORACLE]
    return {
        "of the best simple policy": ours["p95"] / min(found[name]["p95"] for name in SIMPLE),
        "of the oracle": ours["p95"] / best["p95"],
        "loads, of the oracle's": ours["loads"] / max(1.0, best["loads"]),
    }


def show(name: str, found: dict[str, dict[str, float]], verdict: dict[str, float]) -> None:
    keys = list(found[OURS])
    print(f"\n{name}: seconds to the first token\n")
    print(results.table(["", *keys], ((way, *(row[key] for key in keys)) for way, row in found.items())))
    for key, value in verdict.items():
        print(f"{key}: {value:.2f} (bar {BARS[key]})")


def drawn(wanted: argparse.Namespace) -> Iterator[Scene]:
    for name in wanted.scenes:
        scene = SCENES[name]
        yield replace(scene, load=replace(scene.load, seconds=wanted.hours * 3600))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--hours", type=float, default=1.5, help="length of a trace")
    parser.add_argument("--after", type=float, default=1800, help="seconds that are not counted")
    parser.add_argument("--strategies", action="store_true", help="the gateway's other strategies, too")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    told: dict[str, Any] = {}
    for scene in drawn(wanted):
        began = time.perf_counter()
        found = measure(scene, wanted.seeds, after=wanted.after, strategies=wanted.strategies)
        verdict = judged(found)
        told[scene.name] = {"ways": found, "judged": verdict}
        show(scene.name, found, verdict)
        print(f"took {time.perf_counter() - began:.0f} s", flush=True)
    about = {"seeds": wanted.seeds, "hours": wanted.hours, "after": wanted.after}
    print(results.write("routing", {"trace": about, "scenes": told}, path=wanted.json))


if __name__ == "__main__":
    main()
