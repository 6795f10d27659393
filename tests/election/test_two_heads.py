"""Two whole backends on one PostgreSQL: one gives tickets away; when it is killed the other does, and nothing doubles."""

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rig.work import Cluster, cluster
from benchmarks.tickets_chaos import Story
from tests.core.postgres import Postgres
from tests.ports import free_base
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
SIZE = 50
SETTINGS = {
    "CLUSTER_AI_EXECUTORS__SANDBOX": "none",
    "CLUSTER_AI_EXECUTORS__TRUSTED_KINDS": '["EXECUTE", "BUILD"]',
    "CLUSTER_AI_ELECTION__TTL_SECONDS": "3",
    "CLUSTER_AI_ELECTION__RENEW_SECONDS": "1",
}


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Cluster]:
    """A whole cluster."""
    with cluster(tmp_path, free_base(), postgres=Postgres(), settings=SETTINGS) as made:
        yield made


PORTS = ("backend", "gateway", "node", "dask_dashboard", "machines", "grpc", "agent", "workers")


class Beside(Cluster):
    """Another backend on its database, with its secrets and its scheduler, and ports of its own."""

    def environment(self) -> dict[str, str]:
        env = super().environment()
        del env["CLUSTER_AI_PORT_BASE"]
        ports = {name: self.base + place for place, name in enumerate(PORTS)}
        return env | {f"CLUSTER_AI_PORTS__{name.upper()}": str(port) for name, port in ports.items()}


@pytest.fixture
def second(first: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    home, settings = tmp_path / "second", SETTINGS | {"CLUSTER_AI_PORTS__SCHEDULER": str(first.base + 3)}
    home.mkdir()
    shutil.copytree(first.home / "secrets", home / "secrets")
    other = Beside(home, free_base(), settings=settings, postgres=first.postgres)
    other.start("api")
    try:
        until(lambda: who(other), seconds=30, what="the second backend answers")
        yield other
    finally:
        other.kill("api")


def who(head: Cluster) -> dict[str, Any] | None:
    """What a backend says of the term."""
    try:
        found: dict[str, Any] = head.call("GET", "/api/v1/cluster")
    except OSError:
        return None
    return found


def leads(head: Cluster) -> bool:
    said = who(head)
    return said is not None and said["leads"]


def has_dispatched(head: Cluster) -> bool:
    return '"event": "dispatching"' in (head.home / "api.out").read_text()


def done(head: Cluster, plan_id: str) -> int:
    found: int = head.call("GET", f"/api/v1/plans/{plan_id}")["succeeded"]
    return found


def test_one_gives_tickets_away_and_the_other_goes_on_when_it_is_killed(first: Cluster, second: Cluster) -> None:
    at_first, at_second = who(first), who(second)
    assert at_first is not None
    assert at_second is not None
    assert (at_first["leads"], at_second["leads"]) == (True, False)
    assert at_second["holder"] == at_first["holder"] == at_first["head"] != at_second["head"]
    story = Story(first, random.Random(11), SIZE)
    story.submit()
    until(lambda: done(second, story.ids[0]) >= SIZE // 5, seconds=30, what="some of it is done")
    assert has_dispatched(first)
    assert not has_dispatched(second)

    first.kill("api")
    began = time.monotonic()
    until(lambda: leads(second), seconds=15, what="the second leads")
    print(f"led after {time.monotonic() - began:.2f} s")
    until(lambda: has_dispatched(second), seconds=15, what="it gives tickets away")
    # Its workers report to it: the supervisor starts it again, and it follows.
    first.start("api")
    until(lambda: who(first), seconds=30, what="the first is back")
    found = story.verdict()
    assert found.is_clean, found
    assert found.states.get("succeeded", 0) > SIZE // 2
    assert leads(second)
    assert not leads(first)
    assert at_second["epoch"] < who(second)["epoch"]  # type: ignore[index]
