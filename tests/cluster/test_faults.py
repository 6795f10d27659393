"""``kill -9`` of each part while streams run; a client who leaves; what ``/ready`` then says."""

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
import pytest

from tests.cluster.conftest import PARTS, Cluster, running, until
from tests.disks import immutable, real_disk

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

LONG = {
    "model": "smollm2:135m",
    "messages": [{"role": "user", "content": "Write a long story about a lighthouse and the sea."}],
    "options": {"temperature": 0, "num_predict": 50, "seed": 1},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With its data on a disk of its own, which can be taken from it."""
    home = tmp_path_factory.mktemp("cluster") / "home"
    home.mkdir()
    with real_disk(home / "data", megabytes=64), running(home) as started:
        yield started


@dataclass
class Stream(threading.Thread):
    """One client that reads an answer to its end and remembers how it ended."""

    url: str
    lines: list[dict] = field(default_factory=list)
    broken: str = ""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        try:
            request = urllib.request.Request(f"{self.url}/api/chat", data=json.dumps(LONG).encode())
            with urllib.request.urlopen(request, timeout=120) as answer:
                # Iterating over lines would take a cut connection for the end.
                rest = b""
                while chunk := answer.read1():
                    *whole, rest = (rest + chunk).split(b"\n")
                    self.lines += [json.loads(line) for line in whole if line.strip()]
        except (OSError, ValueError, http.client.HTTPException) as exc:
            self.broken = repr(exc)

    @property
    def complete(self) -> bool:
        return bool(self.lines) and self.lines[-1].get("done") is True


@contextlib.contextmanager
def eight_streams(cluster: Cluster) -> Iterator[list[Stream]]:
    streams = [Stream(cluster.gateway) for _ in range(8)]
    for stream in streams:
        stream.start()
    until(lambda: sum(bool(stream.lines) for stream in streams) >= 2, seconds=30, what="streams began")
    yield streams
    for stream in streams:
        stream.join(timeout=150)
        assert not stream.is_alive()


@pytest.mark.parametrize("name", PARTS)
def test_killed_part_comes_back(cluster: Cluster, name: str) -> None:
    cluster.wait_ready()
    before = cluster.part(name)
    with eight_streams(cluster) as streams:
        assert before.pid
        os.kill(before.pid, signal.SIGKILL)
        killed = time.monotonic()

        def back() -> bool:
            part = cluster.part(name)
            return part.state == "ready" and part.pid != before.pid

        until(back, seconds=20, what=f"{name} is back")
        print(f"{name}: back after {time.monotonic() - killed:.1f} s")
    after = cluster.part(name)
    assert after.restarts == before.restarts + 1
    assert after.last_exit == "SIGKILL"
    if name in {"scheduler", "worker-0", "backend"}:
        assert all(stream.complete for stream in streams), "streams on other parts go on"
    else:
        # Nothing may look complete that is not: either the answer ended, or its break is visible.
        for stream in streams:
            visible = stream.broken or (stream.lines and "error" in stream.lines[-1])
            assert stream.complete or visible, stream.lines[-1:]


def test_client_who_leaves_frees_the_slot(cluster: Cluster) -> None:
    cluster.wait_ready()

    def inflight() -> int:
        return cluster.get(f"{cluster.gateway}/-/state")[1]["inflight"]

    until(lambda: inflight() == 0, seconds=30, what="an idle gateway")
    body = json.dumps(LONG | {"options": {"num_predict": 1500, "temperature": 0}}).encode()
    head = f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", cluster.ports.gateway)) as client:
        client.sendall(head + body)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.recv(4096)
        assert inflight() == 1
    left = time.monotonic()
    until(lambda: inflight() == 0, seconds=3, what="the gateway let go")
    # The slot is free when the node writes nothing any more: its processor time stands still.
    node = psutil.Process(cluster.part("node").pid)

    def still() -> bool:
        used = sum(node.cpu_times()[:2])
        time.sleep(0.3)
        return sum(node.cpu_times()[:2]) - used < 0.1

    until(still, seconds=3, what="the node stopped generating")
    print(f"slot free after {time.monotonic() - left:.2f} s at most")


def checks(cluster: Cluster) -> dict[str, dict]:
    _, body = cluster.get(f"{cluster.api}/ready")
    return {check["name"]: check for check in body["checks"]}


def wrong(cluster: Cluster) -> set[str]:
    return {name for name, check in checks(cluster).items() if not check["ok"]}


def test_ready_names_a_killed_scheduler_and_a_stopped_node(cluster: Cluster) -> None:
    cluster.wait_ready()
    until(lambda: not wrong(cluster), seconds=20, what="everything ready")
    node, scheduler = cluster.part("node").pid, cluster.part("scheduler").pid
    assert node
    assert scheduler
    os.kill(node, signal.SIGSTOP)
    try:
        until(lambda: any("node" in name for name in wrong(cluster)), seconds=15, what="the stopped node is named")
        assert "database" not in wrong(cluster)
    finally:
        os.kill(node, signal.SIGCONT)
    os.kill(scheduler, signal.SIGSTOP)
    try:
        until(lambda: "scheduler" in wrong(cluster), seconds=15, what="the stopped scheduler is named")
        assert checks(cluster)["scheduler"]["detail"]
    finally:
        os.kill(scheduler, signal.SIGCONT)
    until(lambda: not wrong(cluster), seconds=30, what="all well again")


def test_ready_names_a_read_only_database(cluster: Cluster) -> None:
    cluster.wait_ready()
    database = cluster.home / "data" / "cluster.db"
    assert sqlite3.connect(database).execute("pragma integrity_check").fetchone() == ("ok",)
    with immutable(*database.parent.glob("cluster.db*")):
        until(lambda: wrong(cluster) == {"database"}, seconds=15, what="the database alone is named")
        assert cluster.get(f"{cluster.api}/ready")[0] == 503
        detail = checks(cluster)["database"]["detail"]
        assert "read" in detail.lower() or "write" in detail.lower(), detail
    until(lambda: not wrong(cluster), seconds=15, what="writable again")
