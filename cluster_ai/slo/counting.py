"""What happens is added up by objective and minute, and stored every few seconds, with how far each log was read.

Both in one unit of work: after a crash nothing that was logged is counted twice or left out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.core.db import Database
from cluster_ai.slo import bucket_tables
from cluster_ai.slo.burn import Tally
from cluster_ai.slo.given import Calls
from cluster_ai.slo.judging import Happened, verdict
from cluster_ai.slo.logs import CallLog, News, TicketLog
from cluster_ai.slo.types import MINUTE, Objective, Source
from cluster_ai.slo.windows import MINUTES_KEPT, floor

ROUNDS: Final = 25
"""Batches of one look; what is more waits for the next."""
MOST_MINUTES: Final = 50_000
"""Kept in memory while the database is away."""
FAR_AHEAD: Final = 300.0
"""A clock that is so many seconds ahead is not believed."""
Minutes = dict[tuple[str, int], Tally]


@dataclass(slots=True)
class Account:
    """Events since this process began, for metrics."""

    good: float = 0.0
    bad: float = 0.0


@dataclass(slots=True)
class Ledger:
    """Minutes that are not stored yet, and the objectives that they are counted for."""

    objectives: Mapping[str, Objective] = field(default_factory=dict)
    waiting: Minutes = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)

    def watch(self, objectives: Mapping[str, Objective]) -> None:
        """From now on these are counted."""
        self.objectives = objectives
        self.accounts = {slo_id: self.accounts.get(slo_id, Account()) for slo_id in objectives}

    def take(self, happened: Happened, now: float) -> None:
        """Counts what no log will tell again."""
        found = judged(self.objectives, (happened,), now)
        self.account(found)
        if len(self.waiting) < MOST_MINUTES:
            self.give_back(found)

    def account(self, minutes: Mapping[tuple[str, int], Tally]) -> None:
        for (slo_id, _), tally in minutes.items():
            found = self.accounts.setdefault(slo_id, Account())
            found.good += tally.good
            found.bad += tally.bad

    def give_back(self, minutes: Mapping[tuple[str, int], Tally]) -> None:
        """What could not be stored waits for the next time."""
        self.waiting = summed(self.waiting, minutes)


def judged(objectives: Mapping[str, Objective], found: Iterable[Happened], now: float) -> Minutes:
    """What these events add to which minute of which objective."""
    minutes: Minutes = {}
    for one in found:
        at = one.at if now - MINUTES_KEPT < one.at <= now + FAR_AHEAD else now
        for slo_id, objective in objectives.items():
            if (good := verdict(objective, one)) is not None:
                key = slo_id, floor(at, MINUTE)
                minutes[key] = minutes.get(key, Tally()) + Tally(float(good), 1.0)
    return minutes


def summed(one: Mapping[tuple[str, int], Tally], other: Mapping[tuple[str, int], Tally]) -> Minutes:
    found = dict(one)
    for key, tally in other.items():
        found[key] = found.get(key, Tally()) + tally
    return found


class Counting:
    """Owns the ledger. ``look`` is what a loop calls; ``now`` answers Unix seconds.

    ``led``: the database for whoever reads the logs for all heads.
    """

    def __init__(self, database: Database, led: Database, calls: Calls, now: Callable[[], float]) -> None:
        self._database = database
        self._led = led
        self._now = now
        self._logs = (CallLog(database, calls), TicketLog(database))
        self.ledger = Ledger()

    def take(self, happened: Happened) -> None:
        """Counts something that no log tells. Fast, and never fails."""
        self.ledger.take(happened, self._now())

    async def look(self, nodes: Mapping[str, bool]) -> None:
        """Looks at the nodes, reads what is new in the logs, and stores the sums.

        Raises:
            DatabaseUnavailable: nothing more was stored; what no log keeps waits for the next time.
        """
        for name, up in nodes.items():
            self.take(Happened(Source.NODES, self._now(), node=name, failed=not up, erred=not up))
        await self.store()
        for log in self._logs:
            for _ in range(ROUNDS):
                news = await log.news()
                if news.upto is not None:
                    await self.store(news)
                if not news.more:
                    break

    async def store(self, news: News | None = None) -> None:
        """Stores what waits, and what a log said with how far it was read. Raises as ``look``."""
        waiting, self.ledger.waiting = self.ledger.waiting, {}
        told = judged(self.ledger.objectives, news.happened, self._now()) if news else {}
        if not waiting and news is None:
            return
        try:
            await self._stored(summed(waiting, told), news)
        except BaseException:
            # Only what waited: the log will tell the rest again.
            self.ledger.give_back(waiting)
            raise
        self.ledger.account(told)

    async def _stored(self, minutes: Minutes, news: News | None) -> None:
        # How far a log was read is one number for all heads; what nobody logs each of them adds.
        database = self._database if news is None else self._led
        async with database.transaction() as connection:
            await bucket_tables.add(connection, minutes)
            await bucket_tables.sum_hours(connection, self.ledger.objectives, minutes)
            if news is not None and news.upto is not None:
                await bucket_tables.move(connection, news.source.value, news.upto)
