"""Keeps Dask busy as a dispatcher does, until its standard input closes.

``python -m benchmarks.rig.tasks SLOTS SECONDS``, run on the head. Each task sleeps SECONDS; SLOTS of them are under way
at any time. A task whose scheduler went away is given again. At the end it prints JSON: tasks done, given again, lost
(with the reasons), and the longest time that one took from being given first to its result.
"""

import asyncio
import itertools
import json
import sys
import time
from dataclasses import asdict, dataclass, field

from distributed import Client
from distributed.client import ClosedClientError, FutureCancelledError

SCHEDULER = "tcp://127.0.0.1:8786"
GONE = (FutureCancelledError, ClosedClientError, OSError, TimeoutError)
"""The scheduler went away, or is away."""


@dataclass
class Tally:
    done: int = 0
    again: int = 0
    longest: float = 0.0
    lost: list[str] = field(default_factory=list)


def slow(number: int, seconds: float) -> int:
    time.sleep(seconds)
    return number


class Dispatcher:
    """Owns the connection: one for all slots, made anew when it has gone."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.tally = Tally()
        self._client: Client | None = None
        self._numbers = itertools.count()
        self._mending = asyncio.Lock()

    async def slot(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            began = time.monotonic()
            await self._until_done(next(self._numbers))
            self.tally.longest = max(self.tally.longest, time.monotonic() - began)

    async def _until_done(self, number: int) -> None:
        while True:
            client = self._client
            try:
                client = client or await self._connect()
                got = await client.submit(slow, number, self.seconds, pure=False)
            except GONE:
                self.tally.again += 1
                await self._forget(client)
                await asyncio.sleep(0.2)
            except Exception as lost:  # noqa: BLE001 - whatever it is, it is told: a task was lost
                self.tally.lost.append(f"{type(lost).__name__}: {lost}"[:200])
                return
            else:
                assert got == number
                self.tally.done += 1
                return

    async def _connect(self) -> Client:
        async with self._mending:
            if self._client is None:
                self._client = await Client(SCHEDULER, asynchronous=True, timeout=5)
            return self._client

    async def _forget(self, client: Client | None) -> None:
        async with self._mending:
            if client is None or client is not self._client:
                return
            self._client = None
            await client.close(timeout=1)

    async def close(self) -> None:
        await self._forget(self._client)


async def main(slots: int, seconds: float) -> Tally:
    dispatcher, stop = Dispatcher(seconds), asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    async with asyncio.TaskGroup() as group:
        for _ in range(slots):
            group.create_task(dispatcher.slot(stop))
    await dispatcher.close()
    return dispatcher.tally


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]))))))
