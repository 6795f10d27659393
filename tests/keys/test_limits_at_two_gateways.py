"""Two real gateway processes of one cluster count a key's limits together in one real Redis."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster_ai.core.db import sqlite_url
from cluster_ai.core.migrate import upgrade
from cluster_ai.core.paths import Home
from cluster_ai.keys.types import LimitsWanted
from tests.fakes.fleet import Fleet
from tests.gateway.conftest import HELLO, ROOT, Gateway
from tests.keys.redis_server import running_redis
from tests.keys.test_keys_at_the_gateway import Desk
from tests.ports import free_base
from tests.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Gateway]]:
    home = Home(tmp_path / "home")
    home.make()
    upgrade(sqlite_url(home.database))
    with Fleet(1) as fleet, running_redis(tmp_path) as redis, contextlib.ExitStack() as stack:
        [node] = fleet.nodes
        home.config.write_text(
            f'redis_url = "{redis.url}"\n[node]\nenabled = false\n[gateway]\nfind_local_ollama = false\n'
            f'anonymous = "off"\nupstreams = [{{name = "{node.name}", url = "{node.url}"}}]\n'
        )
        yield [stack.enter_context(started(home, fleet, tmp_path / f"{number}.log")) for number in range(2)]


@contextlib.contextmanager
def started(home: Home, fleet: Fleet, log: Path) -> Iterator[Gateway]:
    base = free_base()
    env = {name: value for name, value in os.environ.items() if not name.startswith("CLUSTER_AI_")}
    env |= {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORT_BASE": str(base), "PYTHONPATH": str(ROOT)}
    with log.open("wb") as written:
        command = [sys.executable, "-m", "backend.serve", "gateway"]
        process = subprocess.Popen(command, env=env, stdout=written, stderr=written)
    gateway = Gateway(home, base + 1, fleet)
    try:
        until(lambda: gateway.ask("GET", "/health").status == 200, seconds=30, what="it answers", bears=(OSError,))
        yield gateway
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(timeout=15) == 0, log.read_text()
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(log.read_text()) from None


ALONE = "each gateway counts limits for itself"


def test_the_limit_is_that_of_both_together(pair: list[Gateway], tmp_path: Path) -> None:
    def fell_back() -> int:
        return sum(log.read_text().count(ALONE) for log in tmp_path.glob("?.log"))

    # One for all keys: a new one would draw the same secret again.
    desk = Desk(pair[0].home)

    def answers(name: str) -> list[int]:
        secret, _ = desk.make(name, limits=LimitsWanted(requests_per_day=20))
        headers = {"authorization": f"Bearer {secret}"}
        for gateway in pair:
            until(lambda to=gateway: to.ask("GET", "/api/tags", **headers).json.get("models"), what="it is known")

        def ask(number: int) -> int:
            return pair[number % 2].ask("POST", "/api/chat", HELLO | {"stream": False}, **headers).status

        with ThreadPoolExecutor(8) as pool:
            return sorted(pool.map(ask, range(40)))

    # On a machine that is busy enough an answer of Redis takes 50 ms; then each counts alone, as it should.
    for attempt in range(5):
        before = fell_back()
        found = answers(f"shared {attempt}")
        if fell_back() == before:
            assert found == [200] * 20 + [429] * 20
            return
        assert found.count(200) <= 40
    raise AssertionError("Redis never answered in time")
