"""Three heads contend while the one that leads is killed or stands still: one writer at a time, and nothing is lost."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.election.arena import LATE, Arena, arena, holds
from tests.waiting import until

pytestmark = pytest.mark.real
TTL = 1.0
KILLS = 5
STOPS = 3


@pytest.fixture
def opened(postgres_tables_url: str, tmp_path: Path) -> Iterator[Arena]:
    with arena(postgres_tables_url, tmp_path, ttl=TTL) as found:
        yield found


def test_one_writes_at_a_time_while_leaders_are_killed(opened: Arena) -> None:
    leader, seconds = opened.leading(), []
    for _ in range(KILLS):
        opened.reigns(leader)
        began = time.monotonic()
        leader.signal(signal.SIGKILL)
        following = opened.leading(but=leader)
        seconds.append(round(time.monotonic() - began, 2))
        leader.start()
        leader = following
    print("taken over after", seconds, "s, rows", len(opened.rows()))
    holds(opened)
    assert len({epoch for epoch, _, _ in opened.rows()}) >= KILLS + 1


def test_a_leader_that_stood_still_is_refused_when_it_goes_on(opened: Arena) -> None:
    leader = opened.leading()
    for _ in range(STOPS):
        opened.reigns(leader)
        leader.signal(signal.SIGSTOP)
        try:
            following = opened.leading(but=leader)
        finally:
            leader.signal(signal.SIGCONT)
        late = leader
        until(lambda late=late: late.lines[-1][0] in LATE, seconds=10, what="its late write was not taken")
        opened.reigns(following)
        assert opened.leader() is following
        leader = following
    refused = [line for one in opened.contenders for line in one.lines if line[0] in LATE]
    assert len(refused) >= STOPS
    holds(opened)
