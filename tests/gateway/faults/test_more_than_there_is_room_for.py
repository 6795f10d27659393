"""Five times more calls than places: work goes on at full speed, the lowest class is refused first, and at once."""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster_ai.core.db import open_database, sqlite_url
from cluster_ai.core.migrate import upgrade
from cluster_ai.keys.service import Chance, Keys
from cluster_ai.keys.types import NewKey
from tests.fakes.fleet import Fleet
from tests.fakes.raw import MODEL, hear
from tests.gateway.conftest import HELLO, Gateway, serving
from tests.gateway.door import request
from tests.waiting import until

pytestmark = pytest.mark.real

CLASSES = ("interactive", "normal", "background", "batch")
SLOTS, NODES = 2, 2
ANSWER_SECONDS = 0.4
LOAD_SECONDS = 6.0
QUEUE = 16


@dataclass
class Tally:
    """What callers of one class met."""

    done: list[float] = field(default_factory=list)
    """When each answer had come, seconds since the beginning."""
    refused: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    """Seconds until a refusal."""
    retry_after: list[int] = field(default_factory=list)


def make_keys(gateway: Gateway) -> dict[str, str]:
    """A key of each class."""
    url = sqlite_url(gateway.home.database)
    upgrade(url)
    rng = random.Random(1)
    chance = Chance(now=time.time, new_id=lambda: f"id-{rng.random()}", random=rng.randbytes)

    async def make() -> dict[str, str]:
        async with open_database(url, on_fatal=pytest.fail) as database:
            keys = Keys(database, chance=chance)
            return {name: (await keys.create(NewKey(name=name, priority=name), owner_id=None)).secret for name in CLASSES}  # fmt: skip

    return asyncio.run(make())


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[tuple[Gateway, dict[str, str]]]:
    with Fleet(NODES, slots=SLOTS, queue=0) as fleet:
        more = {"queue_length": QUEUE, "queue_seconds": 30, "anonymous": "off", "probe_seconds": 0.2}
        with serving(tmp_path, fleet, **more) as gateway:
            yield gateway, make_keys(gateway)


def chat(gateway: Gateway, secret: str) -> tuple[int, str]:
    answer = gateway.ask("POST", "/api/chat", HELLO | {"stream": False}, authorization=f"Bearer {secret}")
    return answer.status, answer.headers.get("retry-after", "")


def warm_up(gateway: Gateway, secret: str) -> None:
    for node in gateway.fleet.nodes:
        hear(node, request("/api/generate", {"model": MODEL, "stream": False}))
    until(lambda: chat(gateway, secret)[0] == 200, what="the keys are known")
    gateway.settled(healthy=NODES)
    gateway.fleet.set(ttft=ANSWER_SECONDS)
    # Rounds in which it is found out how many places there are.
    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: chat(gateway, secret), range(8)))


def test_overload_costs_no_work_and_the_lowest_are_refused_first(crowded: tuple[Gateway, dict[str, str]]) -> None:
    gateway, secrets = crowded
    warm_up(gateway, secrets["interactive"])
    tallies = {name: Tally() for name in CLASSES}
    began = time.monotonic()
    end = began + LOAD_SECONDS

    def person(name: str) -> None:
        """Asks on and on; who is refused comes again after a while, as one does who reads Retry-After."""
        tally = tallies[name]
        while time.monotonic() < end:
            asked = time.monotonic()
            status, later = chat(gateway, secrets[name])
            now = time.monotonic()
            if status == 200:
                tally.done.append(now - began)
                continue
            assert status == 503
            tally.refused.append(now - began)
            tally.waited.append(now - asked)
            tally.retry_after.append(int(later))
            time.sleep(0.2)

    # Fewer interactive callers than the line is long; five times the places in all.
    people = [name for name, count in zip(CLASSES, (5, 5, 5, 10), strict=True) for _ in range(count)]
    with ThreadPoolExecutor(len(people)) as pool:
        for done in [pool.submit(person, name) for name in people]:
            done.result(timeout=60)
    finished = sum(1 for tally in tallies.values() for at in tally.done if at <= LOAD_SECONDS)
    capacity = NODES * SLOTS * LOAD_SECONDS / ANSWER_SECONDS
    print(
        {name: (len(t.done), len(t.refused)) for name, t in tallies.items()}, f"{finished / capacity:.0%} of capacity"
    )
    assert finished >= 0.8 * capacity
    assert not tallies["interactive"].refused, "while lower classes are there to be refused"
    refused = Counter({name: len(tally.refused) for name, tally in tallies.items()})
    assert refused["batch"] > 0
    assert refused["batch"] >= refused["background"] >= refused["normal"]
    assert len(tallies["interactive"].done) > len(tallies["batch"].done)
    assert min(later for tally in tallies.values() for later in tally.retry_after) >= 1
    at_once = [seconds for tally in tallies.values() for seconds in tally.waited]
    print(f"refusals: median {statistics.median(at_once) * 1000:.1f} ms of {len(at_once)}")
    until(lambda: gateway.state().inflight == 0)
    assert gateway.state().waiting == {}
    assert sum(node.counters().max_queued for node in gateway.fleet.nodes) == 0
