"""Tickets a second, and what one costs: ``./manager.sh bench tickets --counts 1000,10000``.

P4: plans of tickets that do nothing, as independent ones, chains and fans, all durable, on SQLite and on PostgreSQL,
against raw ``client.submit`` on the same scheduler and worker in the same run. A ticket takes its whole way: lease,
Dask, start, a child process that runs ``/bin/true`` or calls a function that does nothing (``--work``), report. Such
tickets may be done again, so that they go in batches.
P5: list, get and create under 50 clients, before and after the database has ``--rows`` tickets. CPU is that of the API,
the scheduler and the workers, from /proc. Prints a table and writes ``tickets.json`` beside the other results.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from distributed import Client

from benchmarks.rig import plans, results
from benchmarks.rig.work import Cluster, cluster
from tests.core.postgres import Postgres
from tests.ports import free_base

SETTINGS = {
    "CLUSTER_AI_EXECUTORS__SANDBOX": "none",
    "CLUSTER_AI_EXECUTORS__TRUSTED_KINDS": '["EXECUTE"]',
    # The largest plan's body.
    "CLUSTER_AI_BACKEND__MAX_BODY_BYTES": "16777216",
}
LARGEST_PLAN = 10_000
CLIENTS = 50
ASKS = 10
# Of a processor, in two seconds.
IDLE_SECONDS = 0.2


def nothing(_number: int) -> None:
    """What raw Dask does for a ticket."""


def cpu(made: Cluster) -> dict[str, float]:
    """Seconds so far, by part; children that ended count with whoever waited for them."""
    found = {}
    for part, process in made.processes.items():
        total = 0.0
        for one in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
            try:
                total += sum(one.cpu_times()[:4])
            except psutil.Error:
                continue
        found[part] = total
    return found


def raw(made: Cluster, count: int) -> float:
    """Single submits a second of a function that does nothing, to the end of the last."""
    with Client(f"tcp://127.0.0.1:{made.base + 3}", set_as_default=False) as client:  # type: ignore[no-untyped-call]
        client.submit(nothing, -1, pure=False).result()
        began = time.monotonic()
        futures = [client.submit(nothing, number, pure=False) for number in range(count)]
        client.gather(futures)
        return count / (time.monotonic() - began)


WORK: dict[str, dict[str, Any]] = {
    "program": {"argv": ["/bin/true"], "trusted": True},
    "function": {"function": "benchmarks.rig.idle:nothing", "in_place": True, "trusted": True},
}


def shaped(shape: str, count: int, work: str = "program") -> list[dict[str, Any]]:
    """Tickets that do nothing: start a program, or call a function."""

    def needs(number: int) -> list[str]:
        if shape == "chain":
            return [f"t{number - 1}"] if number else []
        if shape == "fan":
            return [] if number == 0 else ["t0"] if number < count - 1 else [f"t{one}" for one in range(1, count - 1)]
        return []

    return [{"id": f"t{number}", "type": "EXECUTE", "parameters": WORK[work], "idempotent": True,
             "depends_on": needs(number)}
            for number in range(count)]  # fmt: skip


def done(made: Cluster, shape: str, count: int, *, seconds: float, work: str) -> dict[str, Any]:
    """One plan from its submission to its end."""
    before = cpu(made)
    began = time.monotonic()
    accepted = plans.submit(
        made, {"tickets": shaped(shape, count, work)}, key=f"{work}-{shape}-{count}-{time.monotonic_ns()}"
    )
    submitted = time.monotonic() - began
    plan_id = accepted["plan"]["plan_id"]
    ended = None
    while ended is None and time.monotonic() - began < seconds:
        time.sleep(0.25)
        ended = plans.ended(made, plan_id)
    took = time.monotonic() - began
    spent = {part: (after - before[part]) / count * 1000 for part, after in cpu(made).items()}
    told = ended or made.call("GET", f"/api/v1/plans/{plan_id}")
    if ended is None:
        made.call("POST", f"/api/v1/plans/{plan_id}/cancel")
    finished = told["succeeded"]
    sys.stderr.write(f"{work} {shape} {count}: {finished} in {took:.1f} s\n")
    return {
        "work": work,
        "shape": shape,
        "tickets": count,
        "done": finished,
        "submit_s": round(submitted, 2),
        "per_s": round(finished / took, 1),
        "cpu_ms": {part: round(value * count / max(1, finished), 2) for part, value in spent.items()},
    }


def asked(what: Callable[[], object]) -> dict[str, float]:
    """Milliseconds of an answer under ``CLIENTS`` clients."""
    took: list[float] = []
    lock = threading.Lock()

    def one(_number: int) -> None:
        began = time.monotonic()
        what()
        with lock:
            took.append((time.monotonic() - began) * 1000)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(CLIENTS * ASKS)))
    sys.stderr.write(f"{len(took)} answers\n")
    return {"p50": round(statistics.median(took), 1), "p99": round(results.percentile(took, 0.99), 1)}


def api(made: Cluster) -> dict[str, dict[str, float]]:
    """P5: three questions."""
    single = plans.submit(made, {"tickets": shaped("independent", 1), "paused": True}, key=f"one-{time.monotonic_ns()}")
    ticket_id = single["ticket_ids"]["t0"]

    def create() -> None:
        made.call("POST", "/api/v1/plans", {"tickets": shaped("independent", 1), "paused": True})

    return {
        "list": asked(lambda: made.call("GET", "/api/v1/tickets?limit=50")),
        "get": asked(lambda: made.call("GET", f"/api/v1/tickets/{ticket_id}")),
        "create": asked(create),
    }


def fill(made: Cluster, rows: int) -> None:
    """Tickets that nobody gets, so that the database is full of them."""
    for start in range(0, rows, LARGEST_PLAN):
        count = min(LARGEST_PLAN, rows - start)
        plans.submit(made, {"tickets": shaped("independent", count), "paused": True}, key=f"fill-{start}", seconds=600)


def rests(made: Cluster, seconds: float = 600.0) -> float:
    """Waits until the API has nothing to do: what is told of rows that came in goes out behind them. Seconds."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        before = cpu(made)["api"]
        time.sleep(2)
        if cpu(made)["api"] - before < IDLE_SECONDS:
            break
    return time.monotonic() - began


def run(asked_for: argparse.Namespace, *, postgres: bool) -> dict[str, Any]:
    """All of it on one database."""
    server = Postgres() if postgres else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        modules = ("benchmarks.rig.idle",)
        opened = cluster(Path(folder), free_base(), threads=2, postgres=server, settings=SETTINGS, modules=modules)
        with opened as made:
            limit = raw(made, 2000)
            rows = [done(made, shape, count, seconds=asked_for.seconds, work=work)
                    for work in asked_for.work for count in asked_for.counts for shape in asked_for.shapes]  # fmt: skip
            few = api(made)
            fill(made, asked_for.rows)
            rested = rests(made)
            many = api(made) if asked_for.rows else {}
            few_of = {"seconds": asked_for.seconds, "work": asked_for.work[0]}
            late = done(made, "independent", min(asked_for.counts), **few_of) if asked_for.rows else {}
    return {
        "database": "postgresql" if postgres else "sqlite",
        "raw_dask_per_s": round(limit, 1),
        "plans": [{**row, "of_raw": round(row["per_s"] / limit, 3)} for row in rows],
        "api_ms": {"few": few, f"{asked_for.rows} more": many},
        "rested_s": round(rested, 1),
        "late": late,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=lambda text: [int(one) for one in text.split(",")], default=[1000])
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=["independent", "chain", "fan"])
    parser.add_argument("--work", type=lambda text: text.split(","), default=list(WORK))
    parser.add_argument("--seconds", type=float, default=300.0, help="longest run of one plan")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    asked_for = parser.parse_args()
    found = [
        run(asked_for, postgres=name == "postgresql")
        for name in ("sqlite", "postgresql")
        if asked_for.database in (name, "both")
    ]
    for one in found:
        columns = ("work", "shape", "tickets", "done", "submit_s", "per_s", "of_raw", "cpu_ms")
        sys.stdout.write(f"{one['database']}: raw Dask {one['raw_dask_per_s']}/s\n")
        sys.stdout.write(results.table(columns, [[row[name] for name in columns] for row in one["plans"]]) + "\n")
        sys.stdout.write(f"{one['api_ms']}\nat rest after {one['rested_s']} s\n{one['late']}\n")
    results.write("tickets", {"runs": found})


if __name__ == "__main__":
    main()
