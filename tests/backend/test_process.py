"""The API as its own process: start, stop, refusal to stand open, a database that turns read-only under it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from backend.serve import _refuse_open_door
from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.paths import Home
from cluster_ai.settings import load
from tests.disks import immutable, real_disk
from tests.ports import free_port
from tests.waiting import until

pytestmark = [pytest.mark.real]

ROOT = Path(__file__).parents[2]


@dataclass
class Process:
    popen: subprocess.Popen[bytes]
    url: str
    home: Home

    def client(self) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.home.internal_secret()}"}
        return httpx2.Client(base_url=self.url, headers=headers, trust_env=False, timeout=10)

    def answers(self) -> bool:
        with contextlib.suppress(httpx2.TransportError), httpx2.Client(trust_env=False) as client:
            return client.get(f"{self.url}/health").status_code == 200
        return False


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
    path = f"{ROOT}{os.pathsep}{kept['PYTHONPATH']}" if "PYTHONPATH" in kept else str(ROOT)
    return kept | {"CLUSTER_AI_HOME": str(home), "PYTHONPATH": path} | more


def serve(home: Path, **more: str) -> subprocess.Popen[bytes]:
    env = environment(home, **more)
    return subprocess.Popen([sys.executable, "-m", "backend.serve", "api"], env=env, stderr=subprocess.PIPE)


@contextlib.contextmanager
def api_process(home: Path) -> Iterator[Process]:
    port = free_port()
    popen = serve(home, CLUSTER_AI_PORTS=json.dumps({"backend": port}))
    process = Process(popen, f"http://127.0.0.1:{port}", Home(home))
    with popen:
        try:
            until(process.answers, seconds=30, what="the API answers")
            yield process
        finally:
            popen.kill()


def test_stops_in_good_order_with_a_stream_open(tmp_path: Path) -> None:
    with api_process(tmp_path / "home") as process, process.client() as client:
        with client.stream("GET", "/api/v1/events") as events:
            lines = events.iter_lines()
            next(lines)
            process.popen.send_signal(signal.SIGTERM)
            list(lines)
        assert process.popen.wait(timeout=30) == 0
        assert process.popen.stderr is not None
        log = process.popen.stderr.read().decode()
    assert "answers are cut" not in log, "a stream that would never end by itself is told"
    assert "Traceback" not in log
    assert process.home.internal_secret() not in log


def test_killed_in_the_middle_starts_again_with_what_was_acknowledged(tmp_path: Path) -> None:
    body = {"username": "admin", "password": "none of theirs"}
    with api_process(tmp_path / "home") as process, process.client() as client:
        for _ in range(3):
            assert client.post("/api/v1/auth/login", json=body).status_code == 401
        process.popen.send_signal(signal.SIGKILL)
    with api_process(tmp_path / "home") as process, process.client() as client:
        page = client.get("/api/v1/audit").json()
    assert [entry["outcome"] for entry in page["items"]] == ["refused"] * 3
    assert page["broken"] == ""


def test_nobody_can_open_it_to_the_network_before_a_password_was_chosen(tmp_path: Path) -> None:
    with serve(tmp_path / "home", CLUSTER_AI_BIND="0.0.0.0") as popen:
        _, log = popen.communicate(timeout=30)
    assert popen.returncode == 1
    assert b"auth set-password" in log
    assert b"admin-password" in log
    settings = load({"CLUSTER_AI_HOME": str(tmp_path)}).model_copy(update={"bind": "0.0.0.0"})
    with pytest.raises(Misconfigured):
        _refuse_open_door(settings, chosen=False)
    _refuse_open_door(settings, chosen=True)


def test_database_that_turns_read_only_is_named_and_forgotten_when_mended(tmp_path: Path) -> None:
    def database(client: httpx2.Client) -> dict[str, object]:
        checks = client.get("/ready").json()["checks"]
        return next(check for check in checks if check["name"] == "database")

    with (
        real_disk(tmp_path / "disk", megabytes=64) as disk,
        api_process(disk / "home") as process,
        process.client() as client,
    ):
        until(lambda: database(client)["ok"], seconds=5, what="writable at first")
        with immutable(*process.home.data.glob("cluster.db*")):
            until(lambda: not database(client)["ok"], seconds=5, what="the database is named")
            assert "read-only" in str(database(client)["detail"])
            assert client.get("/api/v1/overview").status_code == 200
        until(lambda: database(client)["ok"], seconds=5, what="writable again")
        assert process.popen.poll() is None


def test_the_api_stands_in_its_own_registry(tmp_path: Path) -> None:
    with api_process(tmp_path / "home") as process, process.client() as client:

        def named() -> list[str]:
            return [one["name"] for one in client.get("/api/v1/registry/instances").json()["items"]]

        until(lambda: named() == ["api"], seconds=10, what="it has registered; nothing else runs here")
