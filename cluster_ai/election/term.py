"""The term of this head: taken, renewed and lost here; whoever works by it asks ``epoch``, whoever writes the guard."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.db import Database
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.events import Event
from cluster_ai.core.loops import alongside, heed_cancellation
from cluster_ai.core.outbox import Tell, unit
from cluster_ai.election import deciding, tables
from cluster_ai.election.claim import Claim
from cluster_ai.election.types import CHANGED, ElectionMode, NotLeading, TermView

log = structlog.get_logger(__name__)
RELEASE_SECONDS: Final = 2.0
_HINT: Final = "nothing was stored; the head that leads now does it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a term is made of. ``clock`` never jumps; ``now`` answers Unix seconds, which decide nothing.

    ``database``: one that is not guarded.
    """

    database: Database
    claim: Claim
    mode: ElectionMode
    pace: deciding.Pace
    clock: Callable[[], float]
    now: Callable[[], float]
    new_id: Callable[[], str]
    tell: Tell


class Term:
    """``tick`` is one look; ``running`` looks for as long as a block runs."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._state: deciding.State = deciding.Following()
        self._seen = deciding.Seen()
        self._locked = False
        self._wake = asyncio.Event()
        self.refused = 0
        """Writes that came after a term."""

    def epoch(self) -> int:
        """The epoch under which this head may act now; 0: it does not lead."""
        return deciding.epoch_of(self._state, self._means.clock())

    async def guard(self, connection: AsyncConnection) -> None:
        """Asked first in every unit of work that only the leader may do: one statement.

        Raises:
            NotLeading: this head does not lead, or not any more.
        """
        epoch = self.epoch()
        if epoch and await tables.holds(connection, epoch, self._means.pace.ttl):
            return
        self.refused += 1
        self._hear(deciding.Refused(epoch))
        self._wake.set()
        log.warning("a write came after the term and was refused", epoch=epoch, leader=self._seen.holder)
        raise NotLeading("this head does not lead (any more)", hint=_HINT)

    def view(self) -> TermView:
        """As of the last look."""
        epoch, seen = self.epoch(), self._seen
        return TermView(
            mode=self._means.mode,
            leads=epoch > 0,
            epoch=epoch or seen.epoch,
            holder=seen.holder,
            since=seen.since,
            head=self._means.claim.holder,
            refused=self.refused,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stands for the term inside the block, and gives it back at its end. Whoever works by it ends before."""
        await self.tick()
        try:
            async with alongside(term=self._run()):
                yield
        finally:
            await self._release()

    async def tick(self) -> float:
        """One look; answers after how many seconds the next is due."""
        self._hear(deciding.Passed())
        seen: deciding.Seen | None = None
        try:
            async with asyncio.timeout(max(1.0, self._means.pace.renew)):
                seen = self._seen = await self._look()
        except (ClusterError, TimeoutError) as exc:
            log.warning("the term cannot be looked at", reason=getattr(exc, "message", "the database took too long"))
        return deciding.next_look(self._state, seen, self._means.pace)

    # -- inside

    async def _run(self) -> None:
        pause = self._means.pace.renew if self.epoch() else deciding.SOON
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            self._wake.clear()
            pause = await self.tick()
            heed_cancellation()

    async def _look(self) -> deciding.Seen:
        means, asked = self._means, self._means.clock()
        self._locked = self._locked or await asyncio.to_thread(means.claim.try_lock)
        if isinstance(self._state, deciding.Leading):
            return await self._renewed(self._state, asked)
        async with means.database.read() as connection:
            seen = await tables.see(connection)
        if not self._locked:
            # An earlier life of this head is not over; the end of its term is no end for us.
            return replace(seen, left=deciding.FOREVER)
        if not deciding.may_take(seen, means.claim.holder):
            return seen
        return await self._taken(seen)

    async def _renewed(self, state: deciding.Leading, asked: float) -> deciding.Seen:
        if self._means.mode is ElectionMode.SOLO:
            # There is nobody whom it could be renewed against.
            return self._seen
        async with self._means.database.transaction() as connection:
            seen = await tables.renew(connection, state.epoch, self._bid)
            found = seen or await tables.see(connection)
        self._hear(deciding.Renewed(asked) if seen else deciding.Refused(state.epoch))
        return found

    async def _taken(self, seen: deciding.Seen) -> deciding.Seen:
        means, asked = self._means, self._means.clock()
        async with unit(means.database, means.tell) as work:
            if means.mode is ElectionMode.SOLO:
                taken: deciding.Seen | None = await tables.take_alone(work.connection, self._bid.me, means.now())
            else:
                taken = await tables.take(work.connection, seen, self._bid)
                if taken is not None and deciding.is_news(seen, taken.holder):
                    work.say(self._changed(seen, taken))
        if taken is None:
            return seen
        self._hear(deciding.Won(taken.epoch, asked))
        return taken

    def _changed(self, before: deciding.Seen, after: deciding.Seen) -> Event:
        data = {"epoch": after.epoch, "was": before.holder}
        return Event(self._means.new_id(), CHANGED, after.holder, data, self._means.now())

    def _hear(self, event: deciding.Event) -> None:
        before, now = self._state, self._means.clock()
        self._state = deciding.apply(before, event, now, self._means.pace)
        match before, self._state:
            case deciding.Following(), deciding.Leading(epoch=epoch):
                log.info("leads", epoch=epoch, head=self._bid.me)
            case deciding.Leading(epoch=epoch), deciding.Following():
                log.warning("leads no more", epoch=epoch, head=self._bid.me)

    @property
    def _bid(self) -> tables.Bid:
        return tables.Bid(self._means.claim.holder, self._means.pace.ttl)

    async def _release(self) -> None:
        epoch = self.epoch()
        self._state = deciding.Following()
        if not epoch or self._means.mode is ElectionMode.SOLO:
            return
        # It ends by itself when the database is away.
        with suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS), self._means.database.transaction() as connection:
                await tables.release(connection, epoch, self._bid.me)
