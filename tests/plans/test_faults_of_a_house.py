"""What a house does to the head while tickets run: a full disk, a locked database, Redis gone, a clock set back.

What was acknowledged is done once and in order, what cannot be stored is refused with its reason, and all of it goes
on by itself. Real processes of API, scheduler and worker; their files on a small disk of their own.
"""

import contextlib
import json
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rig import plans
from benchmarks.rig.work import Cluster, cluster
from tests.disks import filled, small_room
from tests.keys.redis_server import RedisServer, running_redis
from tests.lan.clock import skewed
from tests.ports import free_base
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
HOUR = 3600.0
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.rollback()
"""


@dataclass
class Work:
    """A plan of which the first ticket runs until its gate opens; two follow."""

    plan_id: str
    gate: Path
    ledger: Path
    ids: dict[str, str] = field(default_factory=dict)


@dataclass
class House:
    cluster: Cluster
    disk: Path
    outside: Path
    redis: RedisServer
    clock: Path

    @property
    def database(self) -> Path:
        return self.cluster.home / "data" / "cluster.db"

    def begun(self, name: str) -> Work:
        gate, ledger = self.outside / f"{name}.gate", self.outside / f"{name}.ledger"
        first = f"echo first-began >> {ledger}; until [ -e {gate} ]; do sleep 0.1; done; echo first >> {ledger}"
        tickets = [
            script("first", first),
            script("second", f"echo second >> {ledger}", depends_on=["first"]),
            script("third", f"echo third >> {ledger}", depends_on=["second"]),
        ]
        accepted = plans.submit(self.cluster, {"tickets": tickets}, key=name)
        until(ledger.exists, seconds=60, what="the first ticket runs")
        return Work(accepted["plan"]["plan_id"], gate, ledger, accepted["ticket_ids"])

    def opened(self, name: str) -> Work:
        """The same with its gate open."""
        (self.outside / f"{name}.gate").touch()
        return self.begun(name)

    def is_done(self, work: Work, *, began: int = 1) -> None:
        """Every ticket was acknowledged and is done, once, in order, its seals fit; the first began so often."""
        ended = until(lambda: plans.ended(self.cluster, work.plan_id), seconds=120, what="the plan ends")
        assert ended["status"] == "succeeded", ended
        wanted = [*["first-began"] * began, "first", "second", "third"]
        assert work.ledger.read_text().split() == wanted, self.told(work)
        assert self.call("GET", f"/plans/{work.plan_id}/verify")["tickets"] == 3

    def told(self, work: Work) -> str:
        """What happened to its tickets."""
        return "\n".join(json.dumps(self.call("GET", f"/tickets/{one}/history")) for one in work.ids.values())

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.cluster.call(method, f"/api/v1{path}", body)

    def refused(self, name: str) -> tuple[int, dict[str, Any]]:
        """What the API says to a plan that it cannot store."""
        with pytest.raises(urllib.error.HTTPError) as answer:
            self.call("POST", "/plans", {"tickets": [script(name, "true")], "idempotency_key": name})
        problem: dict[str, Any] = json.loads(answer.value.read())
        return answer.value.code, problem

    def ready(self) -> dict[str, Any]:
        """Checks of ``/ready`` that do not pass, of those that this small cluster has."""
        try:
            found = self.cluster.call("GET", "/ready")
        except urllib.error.HTTPError as exc:
            found = json.loads(exc.read())
        return {one["name"]: one["detail"] for one in found["checks"] if not one["ok"]}

    def terminal(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "cluster_ai.cli.main", *words]
        env = self.cluster.environment()
        env.pop("LD_PRELOAD")
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)


def script(name: str, line: str, **more: Any) -> dict[str, Any]:
    """A ticket that may be done again when an attempt is lost; the sort that may not ends as ``lost_after_start``."""
    parameters = {"argv": ["/bin/sh", "-c", f"{{ {line}; }} && touch out"], "artefacts": ["out"], "trusted": True}
    return {"id": name, "type": "BUILD", "parameters": parameters} | more


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    outside = tmp_path_factory.mktemp("house")
    clock = outside / "clock"
    with small_room(outside / "disk", megabytes=64) as disk, running_redis(outside) as redis:
        settings = {
            "CLUSTER_AI_EXECUTORS__SANDBOX": "none",
            "CLUSTER_AI_EXECUTORS__TRUSTED_KINDS": '["BUILD"]',
            "CLUSTER_AI_EXECUTORS__FREE_DISK_MIB": "4",
            "CLUSTER_AI_REDIS_URL": redis.url,
            "CLUSTER_AI_LANG": "en",
            **skewed(clock, 0),
        }
        with cluster(disk, free_base(), settings=settings) as running:
            yield House(running, disk, outside, redis, clock)


def test_a_full_disk(house: House) -> None:
    work = house.begun("full")
    ballast = filled(house.disk)
    try:
        status, problem = house.refused("late")
        assert (status, problem["code"]) == (507, "database_full"), problem
        plan = house.outside / "plan.json"
        plan.write_text(json.dumps({"tickets": [script("x", "true")]}))
        told = house.terminal("plan", "submit", str(plan))
        assert "the disk of the database is full" in told.stderr
        assert "full" in until(lambda: house.ready().get("database"), seconds=30, what="/ready names it")
        assert house.call("GET", f"/plans/{work.plan_id}")["status"] == "running", "reading goes on"
    finally:
        ballast.unlink()
    until(lambda: work.ledger.read_text().count("first-began") == 2, seconds=60, what="the ticket is begun again")
    work.gate.touch()
    house.is_done(work, began=2)
    attempts = house.call("GET", f"/tickets/{work.ids['first']}/history")["attempts"]
    # It was not the ticket's fault: an attempt ends before the machine's disk is full, and costs it no retry.
    assert [(one["outcome"], one["cost_class"]) for one in attempts] == [("lost", "infra"), ("succeeded", "user")]
    assert attempts[0]["error_code"] == "disk_low"
    until(lambda: "database" not in house.ready(), seconds=30, what="it heals by itself")
    house.is_done(house.opened("after-full"))


def test_a_database_that_another_program_holds(house: House) -> None:
    work = house.begun("locked")
    with held(house.database):
        status, problem = house.refused("late")
        assert (status, problem["code"]) == (503, "database_unavailable"), problem
        assert "another program holds the database" in problem["detail"]
        assert "cannot write" in until(lambda: house.ready().get("database"), seconds=30, what="/ready names it")
        assert house.call("GET", f"/plans/{work.plan_id}")["status"] == "running", "reading goes on"
        work.gate.touch()
        until(lambda: "first\n" in work.ledger.read_text(), seconds=30, what="work goes on, and ends")
    house.is_done(work)
    until(lambda: "database" not in house.ready(), seconds=30, what="it heals by itself")


def test_a_database_that_is_held_for_a_moment_only_makes_wait(house: House) -> None:
    answers: list[Work] = []
    with held(house.database):
        asking = threading.Thread(target=lambda: answers.append(house.opened("patient")))
        asking.start()
        asking.join(1.0)
        assert answers == []
    asking.join(60)
    house.is_done(answers[0])
    assert house.call("GET", "/incidents?open=true")["items"] == []


@contextlib.contextmanager
def held(database: Path) -> Iterator[None]:
    """A second writer, that has begun and does not end."""
    argv = [sys.executable, "-c", HOLDER, str(database)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            assert other.stdin
            other.stdin.close()


def test_a_clock_that_is_set_back_an_hour(house: House) -> None:
    work = house.begun("clock")
    mark = house.outside / "tried"
    again = f"if [ ! -e {mark} ]; then touch {mark}; exit 1; fi"
    retried = plans.submit(house.cluster, {"tickets": [script("again", again)]}, key="again")["plan"]["plan_id"]
    until(mark.exists, seconds=60, what="the first attempt is made")
    skewed(house.clock, -HOUR)
    assert house.call("GET", f"/tickets/{work.ids['first']}")["status"] == "running"
    ended = until(lambda: plans.ended(house.cluster, retried), seconds=60, what="what waits for a retry goes on")
    assert ended["status"] == "succeeded"
    # Whoever starts now has never known the time as it was.
    house.cluster.kill("api")
    house.cluster.start("api")
    work.gate.touch()
    house.is_done(work)
    house.is_done(house.opened("an-hour-ago"))
    skewed(house.clock, 0)
    house.is_done(house.opened("back-again"))
