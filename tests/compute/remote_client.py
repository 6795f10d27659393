"""A client on the head: ``remote_client.py names|hosts|job N SECONDS|mapped HOST FOLDER LINES|counted PATH|unreachable FOLDER``; answers JSON."""

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

from distributed import Client

from cluster_ai.compute.jobs import MapPlan, map_prompt, words
from cluster_ai.core.errors import Unavailable
from tests.compute.model_server import serving

SCHEDULER = "127.0.0.1:8786"


def workers(client: Client) -> list[str]:
    return [str(worker["name"]) for worker in client.sync(client.scheduler.identity, n_workers=-1)["workers"].values()]


def names() -> list[str]:
    with Client(SCHEDULER, timeout=20) as client:
        return workers(client)


def hosts() -> dict[str, str]:
    with Client(SCHEDULER, timeout=20) as client:
        asked = {name: client.submit(socket.gethostname, workers=[name], pure=False) for name in workers(client)}
        return {name: future.result(timeout=20) for name, future in asked.items()}


def slow(number: int, seconds: float) -> int:
    time.sleep(seconds)
    return number


def job(count: str, seconds: str) -> list[int]:
    with Client(SCHEDULER, timeout=20) as client:
        futures = client.map(slow, range(int(count)), seconds=float(seconds), pure=False)
        print("submitted", flush=True)
        return list(client.gather(futures))


def mapped(host: str, folder: str, lines: str) -> list[int]:
    """The real job; its gateway listens where workers on other hosts reach it."""
    source, output = Path(folder, "in.txt"), Path(folder, "out.jsonl")
    source.write_text("".join(f"line {number}\n" for number in range(int(lines))))
    plan = MapPlan(input=source, output=output, prompt="{line}", model="smollm2:135m", slots=4)
    with serving(host=host, delay=0.25) as (url, _):
        map_prompt(plan, scheduler=SCHEDULER, gateway=url, on_progress=lambda *_: print("submitted", flush=True))
    return sorted(json.loads(line)["index"] for line in output.read_text().splitlines())


def counted(path: str) -> dict[str, Any]:
    found = words(Path(path), scheduler=SCHEDULER)
    return {"words": found.words, "shares": found.shares, "left_out": found.left_out, "skipped": found.skipped}


def unreachable(folder: str) -> str:
    """A gateway on loopback of the head, and workers on other hosts alone."""
    source = Path(folder, "few.txt")
    source.write_text("line\n")
    plan = MapPlan(input=source, output=Path(folder, "few.jsonl"), prompt="{line}", model="smollm2:135m")
    with serving() as (url, _):
        try:
            map_prompt(plan, scheduler=SCHEDULER, gateway=url)
        except Unavailable as exc:
            return exc.message
    return "done"


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
