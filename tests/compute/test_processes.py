"""Scheduler and worker as processes: what listens, how they end, what they refuse."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import psutil
import pytest

from cluster_ai.compute import scheduler
from cluster_ai.compute.places import Seat
from cluster_ai.core.errors import Misconfigured
from tests.compute.parts import PATIENCE, Dask, dask, free_ports, listens
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

EVIL = """
distributed:
  scheduler:
    preload: ["{marker}"]
    contact-address: "tcp://192.0.2.1:1"
    http:
      routes: ["distributed.http.scheduler.api"]
  nanny:
    preload: ["{marker}"]
  worker:
    preload: ["{marker}"]
"""


def listening(parts: Dask) -> set[tuple[str, int]]:
    processes = [p for process in (parts.scheduler, *parts.workers.values()) if process for p in parts.family(process)]
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in processes
        for connection in process.net_connections("all")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "", "example.org"])
def test_scheduler_listens_on_loopback_only(host: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="listen"):
        scheduler.run(Seat(host=host, port=1, dashboard_port=2, scratch=tmp_path))


def test_nothing_listens_but_what_is_declared(tmp_path: Path) -> None:
    """Even when the user's own Dask configuration says otherwise."""
    marker = tmp_path / "preloaded.py"
    marker.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    config = tmp_path / "home" / ".config" / "dask"
    config.mkdir(parents=True)
    (config / "evil.yaml").write_text(EVIL.format(marker=marker))
    parts = Dask(tmp_path, env={"HOME": str(tmp_path / "home"), "DASK_DISTRIBUTED__WORKER__PRELOAD": str(marker)})
    try:
        parts.start_scheduler()
        parts.start_worker(0)
        parts.wait_workers()
        declared = {parts.ports[0], parts.ports[1], *parts.worker_ports(0)}
        assert listening(parts) == {("127.0.0.1", port) for port in declared}
        assert not (tmp_path / "ran").exists(), "code from the user's folder was preloaded"
        assert fetch(parts, "/api/v1/retire_workers") == 404
        ends_in_order(parts)
    finally:
        parts.stop()


def ends_in_order(parts: Dask) -> None:
    """SIGTERM ends worker and scheduler within their time, with nothing left and no complaint."""
    assert parts.scheduler
    family = [*parts.family(parts.workers[0]), *parts.family(parts.scheduler)]
    for process in (parts.workers[0], parts.scheduler):
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    for name in ("scheduler", "worker-0"):
        assert "Traceback" not in parts.log(name)


def fetch(parts: Dask, path: str, **headers: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{parts.dashboard}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code


def test_dashboard_answers_its_own_name_only(cluster: Dask) -> None:
    assert fetch(cluster, "/health") == 200
    assert fetch(cluster, "/status") == 200
    assert fetch(cluster, "/health", Host=f"localhost:{cluster.dashboard}") == 200
    for path in ("/health", "/status", "/info/main/workers.html"):
        assert fetch(cluster, path, Host="rebound.example") == 403
    assert fetch(cluster, "/proxy/22/127.0.0.1/") == 404


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n" + bytes(9999),
        b"\xff" * 4096,
        b"\0" * 4096,
    ],
    ids=["a browser", "a form of a foreign page", "ones", "zeros"],
)
def test_noise_on_the_ports_does_no_harm(cluster: Dask, noise: bytes) -> None:
    assert cluster.scheduler
    process = psutil.Process(cluster.scheduler.pid)
    before = process.memory_info().rss
    for port in (cluster.ports[0], *cluster.worker_ports(0)):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client, contextlib.suppress(OSError):
                client.sendall(noise)
                client.settimeout(0.05)
                client.recv(4096)
    assert fetch(cluster, "/health") == 200
    assert process.memory_info().rss - before < 50 << 20
    assert cluster.workers[0].poll() is None


def test_taken_ports_are_named(tmp_path: Path, cluster: Dask) -> None:
    fresh = free_ports(4)
    for ports in ([cluster.ports[0], fresh[0]], [fresh[0], cluster.dashboard]):
        parts = Dask(tmp_path, ports=[*ports, *fresh])
        seat = {"port": ports[0], "dashboard_port": ports[1], "scratch": str(tmp_path)}
        process = parts.start("scheduler", "scheduler", seat)
        assert process.wait(timeout=PATIENCE) == 1
        taken = next(port for port in ports if port != fresh[0])
        assert f"port {taken} on 127.0.0.1 cannot be used: address already in use" in parts.log("scheduler")
    parts = Dask(tmp_path, ports=[cluster.ports[0], 0, *cluster.worker_ports(0), *fresh])
    parts.start_worker(0)
    assert parts.workers[0].wait(timeout=PATIENCE) == 1
    assert "cannot be used" in parts.log("worker-0")


def test_worker_without_scheduler_says_so(tmp_path: Path) -> None:
    parts = Dask(tmp_path)
    parts.start_worker(0)
    assert parts.workers[0].wait(timeout=PATIENCE) == 1
    assert re.search(
        r"Unavailable: the worker cannot start with the scheduler at tcp://127\.0\.0\.1:\d+: ", parts.log("worker-0")
    )


def test_nothing_is_left_of_a_killed_nanny(cluster: Dask) -> None:
    family = cluster.family(cluster.workers[0])
    assert len(family) >= 2
    cluster.workers[0].kill()
    cluster.workers[0].wait()
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    cluster.start_worker(0)
    cluster.wait_workers()


def test_killed_worker_process_is_replaced_by_its_nanny(cluster: Dask) -> None:
    port, nanny_port = cluster.worker_ports(0)
    family = cluster.family(cluster.workers[0])
    child = next(p for p in family if port in {c.laddr.port for c in p.net_connections("tcp")})
    child.kill()
    psutil.wait_procs([child], timeout=PATIENCE)
    until(lambda: listens(port), seconds=PATIENCE, what="a new worker process")
    assert listens(nanny_port)
    assert cluster.workers[0].poll() is None


def test_sigterm_while_it_starts(tmp_path: Path) -> None:
    with dask(tmp_path, workers=0) as parts:
        for moment in ("Start Nanny", "worker runs"):
            parts.start_worker(0)
            until(partial(says, parts, moment), seconds=PATIENCE, what=moment)
            family = parts.family(parts.workers[0])
            parts.workers[0].terminate()
            assert parts.workers[0].wait(timeout=PATIENCE) == 0
            _, alive = psutil.wait_procs(family, timeout=PATIENCE)
            assert not alive
            assert "Traceback" not in parts.log("worker-0")


def says(parts: Dask, text: str) -> bool:
    return text in parts.new_log("worker-0")


def test_worker_ends_soon_after_its_scheduler_even_with_a_task(tmp_path: Path) -> None:
    code = (
        "import time; from distributed import Client, fire_and_forget\n"
        "with Client('{}', set_as_default=False) as client:\n"
        "    fire_and_forget(client.submit(time.sleep, 100))\n"
        "    while not any(client.processing().values()): time.sleep(0.1)\n"
    )
    with dask(tmp_path) as parts:
        assert parts.scheduler
        subprocess.run([sys.executable, "-c", code.format(parts.address)], check=True, timeout=PATIENCE)
        parts.scheduler.kill()
        parts.scheduler.wait()
        assert parts.workers[0].wait(timeout=80) == 1, "and not when its task is done"
        assert "went away" in parts.log("worker-0")
