"""A body of 400 MB, thousands of open connections, more of them than a process may have: refused, and nobody is harmed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cluster_ai.core.paths import Home
from tests.fakes.fleet import Fleet
from tests.fakes.raw import Heard, hear
from tests.gateway.conftest import ROOT
from tests.gateway.door import HI, request
from tests.ports import free_base
from tests.waiting import until

pytestmark = pytest.mark.real

MB = 1024 * 1024
FILES = 256
IDLE_READERS = 16


@dataclass
class Process:
    port: int
    process: psutil.Process
    secret: str

    def chat(self) -> Heard:
        return hear(self.port, request("/api/chat", HI), 15)

    def memory(self) -> int:
        return int(self.process.memory_info().rss)


@contextlib.contextmanager
def started(folder: Path, fleet: Fleet, *, files: int = 0, **settings: object) -> Iterator[Process]:
    """A gateway over the fleet. ``files``: how many file descriptors it may have; 0: as many as the system allows."""
    home = Home(folder / "home")
    home.make()
    base = free_base()
    rows = [f'{{name="{node.name}", url="{node.url}"}}' for node in fleet.nodes]
    more = "".join(f"{name} = {value}\n" for name, value in settings.items())
    home.config.write_text(
        f"[gateway]\nfind_local_ollama = false\nupstreams = [{', '.join(rows)}]\n{more}[node]\nenabled = false\n"
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
    env |= {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORT_BASE": str(base), "PYTHONPATH": str(ROOT)}
    command = ["tests.gateway.faults.limited", str(files)] if files else ["backend.serve", "gateway"]
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", *command], env=env, cwd=ROOT, stdout=log, stderr=log)
    try:
        up = lambda: process.poll() is None and hear(base + 1, request("/health")).data[9:12] == b"200"  # noqa: E731
        until(up, seconds=20, what="it answers")
        yield Process(base + 1, psutil.Process(process.pid), home.internal_secret())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0


def upload(port: int, size: int, *, declared: bool) -> tuple[bytes, int]:
    """Sends a body that large; the answer, and how many bytes of it could be sent."""
    framing = f"Content-Length: {size}" if declared else "Transfer-Encoding: chunked"
    head = f"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n\r\n".encode()
    piece = b"x" * MB
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=15) as sock:
        try:
            sock.sendall(head)
            while sent < size:
                sock.sendall(piece if declared else b"%x\r\n%b\r\n" % (len(piece), piece))
                sent += len(piece)
        except OSError:
            pass
        heard = b""
        with contextlib.suppress(OSError):
            while part := sock.recv(65536):
                heard += part
        return heard, sent


def test_a_body_of_400_mb_is_refused_without_being_read(tmp_path: Path) -> None:
    with Fleet(1) as fleet, started(tmp_path, fleet, max_body_bytes=8 * MB) as gateway:
        assert gateway.chat().status == 200
        before = gateway.memory()
        for declared in (True, False):
            heard, sent = upload(gateway.port, 400 * MB, declared=declared)
            # Where the refusal met bytes that were still coming, the connection was reset under it.
            assert not heard or heard.startswith(b"HTTP/1.1 413")
            assert sent <= 64 * MB, "it stopped listening long before the end"
            assert gateway.memory() - before <= 2 * 8 * MB + 16 * MB
        assert hear(gateway.port, request("/api/chat", b"x" * (9 * MB)), 15).data.startswith((b"HTTP/1.1 413", b""))
        assert gateway.chat().status == 200


@contextlib.contextmanager
def connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            sock = stack.enter_context(socket.socket())
            sock.settimeout(10)
            with contextlib.suppress(OSError):
                sock.connect(("127.0.0.1", port))
            found.append(sock)
        yield found


def test_two_thousand_idle_connections_harm_nobody(tmp_path: Path) -> None:
    with Fleet(1) as fleet, started(tmp_path, fleet) as gateway:
        assert gateway.chat().status == 200
        before, files = gateway.memory(), gateway.process.num_fds()
        with connections(gateway.port, 2000):
            slowest = max(gateway.chat().seconds for _ in range(10))
            assert slowest < 2
            each = (gateway.memory() - before) / 2000
            assert each < 32 * 1024, f"{each / 1024:.0f} KiB a connection"
            until(lambda: gateway.process.num_fds() <= files + 20, seconds=15, what="those that ask nothing are closed")
            assert gateway.chat().status == 200


def test_answers_that_nobody_reads_wait_at_their_node_and_not_in_memory(tmp_path: Path) -> None:
    """Each holds a piece or two as they came: neither megabytes of bytes nor records that are taken apart."""
    with Fleet(1, slots=128) as fleet, started(tmp_path, fleet) as gateway:
        node = fleet.nodes[0]
        for _ in range(20):
            assert gateway.chat().status == 200
        until(lambda: is_still(gateway.memory, 1.5), seconds=15, what="all is imported that is imported late")
        node.set(answer_tokens=1_000_000, pad=20_000)
        before = gateway.memory()
        with contextlib.ExitStack() as stack:
            for _ in range(IDLE_READERS):
                sock = stack.enter_context(socket.socket())
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.connect(("127.0.0.1", gateway.port))
                sock.sendall(request("/api/chat", HI))
            until(lambda: is_still(lambda: node.counters().bytes_out, 0.5), seconds=30, what="the node is made to wait")
            each = (gateway.memory() - before) / IDLE_READERS
            node.set(answer_tokens=5, pad=0)
            assert gateway.chat().status == 200
        assert each < 640 * 1024, f"{each / 1024:.0f} KiB a stream"
        until(lambda: node.counters().in_flight == 0, what="all that left are cancelled")


def is_still(figure: Callable[[], int], seconds: float) -> bool:
    before = figure()
    time.sleep(seconds)
    return figure() == before


def test_more_connections_than_a_process_may_have_are_survived(tmp_path: Path) -> None:
    with Fleet(2) as fleet, started(tmp_path, fleet, files=FILES) as gateway:
        assert gateway.chat().status == 200
        with connections(gateway.port, 2 * FILES):
            until(lambda: gateway.process.num_fds() > FILES // 4)
            # Half of what it may have is kept for the way to the nodes: who comes too many is told so.
            assert {_status(gateway) for _ in range(5)} <= {200, 503}
            # Those that ask nothing lose their place.
            until(lambda: _status(gateway) == 200, seconds=20, what="honest clients get through again")
        began = time.monotonic()
        until(lambda: gateway.process.num_fds() < 60, what="all are closed")
        assert time.monotonic() - began < 10
        assert [gateway.chat().status for _ in range(20)] == [200] * 20
        state = hear(gateway.port, request("/-/state", Authorization=f"Bearer {gateway.secret}"))
        assert b'"inflight":0' in state.data
        log = (tmp_path / "gateway.log").read_text()
        assert "down" not in log, "that we have no room is no fault of a node"
        assert "suspect" not in log
        assert gateway.process.is_running()
        assert gateway.process.cpu_percent(interval=0.5) < 50, "no loop spins on the socket that cannot accept"


def _status(gateway: Process) -> int:
    heard = gateway.chat()
    return heard.status if heard.data else 0
