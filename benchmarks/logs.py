"""How fast lines are collected and found: ``python benchmarks/logs.py [LINES]``, in a folder of its own.

Lines are those of the gateway's access log, 430 bytes each. "collected": from the part's file into the store, one
process. Searches: median and worst of twenty, a page of 100 lines.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from cluster_ai.core.errors import ClusterError
from cluster_ai.logs.collector import Collector, Source
from cluster_ai.logs.query import parse
from cluster_ai.logs.store import open_store

MOST = 2**62
SEARCHES = (
    "", "call", "model-7 level:warning", '"no node"', "level:error", "part:gateway since:1h", "r-12345", "nowhere",
)  # fmt: skip


def written(path: Path, count: int) -> int:
    rng, end = random.Random(1), time.time()
    with path.open("w") as file:
        for number in range(count):
            at = end - (count - number) * 0.05
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{number % 1_000_000:06}Z"
            bad = rng.random()
            level = "error" if bad < 0.002 else "warning" if bad < 0.03 else "info"
            said = {
                "event": "call", "level": level, "timestamp": stamp, "component": "gateway",
                "request_id": f"r-{number}",
                "priority": "normal", "path": "/api/chat", "model": f"model-{rng.randrange(12)}", "stream": True,
                "outcome": "broken" if level == "error" else "done", "status": 200, "node": f"n{rng.randrange(6)}",
                "code": "no node" if level == "error" else "", "why": "resident, 0 in flight", "attempts": 1,
                "queue": 0.0, "ttft": 0.31, "total": 2.75, "prompt_tokens": 31, "output_tokens": 120,
            }  # fmt: skip
            file.write(json.dumps(said) + "\n")
    return path.stat().st_size


def fatal(error: ClusterError) -> None:
    raise error


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = written(folder / "gateway.log", count)
        async with open_store(folder / "store.db", on_fatal=fatal) as store:
            collector = Collector(store, Source(folder, "box"), now=time.time)
            await collector.open()
            began, cpu = time.perf_counter(), time.process_time()
            while await collector.tick():
                pass
            took, used = time.perf_counter() - began, time.process_time() - cpu
            kept = await store.kept()
            each = used / count * 1e6
            print(f"{count} lines, {size / 1e6:.0f} MB: {count / took:.0f} a second, {each:.0f} us of CPU each")
            print(f"the store: {kept.bytes / 1e6:.0f} MB, {kept.bytes / size:.2f} of what was written")
            for query in SEARCHES:
                took_all = []
                for _ in range(20):
                    began = time.perf_counter()
                    found = await store.before(parse(query, now=time.time()), number=MOST, limit=100)
                    took_all.append((time.perf_counter() - began) * 1000)
                worst = max(took_all)
                print(f"{query or '(everything)':28}{len(found):4} found{median(took_all):9.1f} ms, worst {worst:.1f}")
            began = time.perf_counter()
            await store.counts(parse("call", now=time.time()), first=int(time.time()) - 3600, step=60)
            print(f"counts of an hour            {(time.perf_counter() - began) * 1000:13.1f} ms")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
