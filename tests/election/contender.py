"""A head in a process of its own that writes as fast as it may while it leads: ``python -m ... URL FOLDER TTL``.

Its clock stands still while it does, as one does on a machine that was suspended: it believes in its term for longer
than it may, and only the fence in the database tells it.

It tells by lines: ``head NAME`` at first, ``ack EPOCH NUMBER`` when a write is durable, ``refused`` when one was not
taken because another leads."""

import asyncio
import itertools
import sys
import time
from pathlib import Path

from sqlalchemy import text

from cluster_ai.core.db import open_database
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.ids import new_id
from cluster_ai.election.opening import Around, ElectionSettings, open_term
from cluster_ai.election.types import NotLeading

LONGEST = 0.1
WRITE = text("INSERT INTO contended (epoch, writer, number) VALUES (:epoch, :writer, :number)")


class Standing:
    """Seconds that this process has lived through."""

    def __init__(self) -> None:
        self._last, self._lived = time.monotonic(), 0.0

    def __call__(self) -> float:
        now = time.monotonic()
        self._lived += min(now - self._last, LONGEST)
        self._last = now
        return self._lived


def say(*words: object) -> None:
    print(*words, flush=True)


async def contend(url: str, folder: Path, ttl: float) -> None:
    async with open_database(url, on_fatal=lambda error: sys.exit(error.message)) as database:
        settings = ElectionSettings(ttl_seconds=ttl, renew_seconds=ttl / 3)
        around = Around(folder=folder, now=time.time, new_id=new_id, tell=lambda _event: None, clock=Standing())
        async with open_term(database, settings, around) as term:
            led, me = database.guarded(term.guard), term.view().head
            say("head", me)
            epoch = 0
            for number in itertools.count():
                # One write more than its own clock allows: who does not ask before is told by the guard.
                epoch, before = term.epoch(), epoch
                if not epoch and not before:
                    await asyncio.sleep(0.01)
                    continue
                try:
                    async with led.transaction() as connection:
                        await connection.execute(WRITE, {"epoch": epoch, "writer": me, "number": number})
                except NotLeading:
                    say("refused", before)
                except ClusterError as exc:
                    say("failed", exc.message)
                else:
                    say("ack", epoch, number)
                await asyncio.sleep(0.002)


if __name__ == "__main__":
    asyncio.run(contend(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
