"""What several gateways that use the same nodes tell each other: how many calls each has where.

Without it two gateways would both fill the slots of one node. Each leaves its own numbers every fifth of a second and
reads those of the others; numbers of one that is gone vanish after two seconds. A call itself asks nobody. While the
exchange is away, each counts for itself.
"""

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import structlog

from cluster_ai.core.errors import InvalidInput, Unavailable
from cluster_ai.core.loops import every
from cluster_ai.core.wire import dump_json, parse_object
from cluster_ai.gateway.nodes.pool import Pool

log = structlog.get_logger(__name__)

PAUSE_SECONDS: Final = 0.2
LIFE_SECONDS: Final = 2.0
"""What a gateway said counts so long."""
TURN_SECONDS: Final = 1.0
"""A place that cannot be divided between gateways is each one's in turn."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MOST: Final = 1_000_000


class Exchange(Protocol):
    """Where gateways leave word for each other."""

    async def swap(self, mine: bytes) -> list[bytes]:
        """Leaves ``mine``; answers what the others left.

        Raises:
            Unavailable: it is away.
        """

    async def leave(self) -> None:
        """Takes our own away: this gateway ends. Never fails."""


@dataclass(frozen=True, slots=True)
class Word:
    """What one gateway says of itself. Pure."""

    who: str
    calls: Mapping[tuple[str, str], int]
    """In flight, by node and model."""
    waiting: frozenset[str]
    """Models for which somebody waits there."""

    @classmethod
    def read(cls, raw: bytes) -> "Word":
        """What makes no sense counts for nothing: it may be another version's."""
        try:
            said = parse_object(raw)
        except InvalidInput:
            said = {}
        calls, waiting = said.get("calls"), said.get("waiting")
        return cls(
            str(said.get("who") or ""),
            _counts(calls) if isinstance(calls, dict) else {},
            frozenset(map(str, waiting)) if isinstance(waiting, list) else frozenset(),
        )


@dataclass(frozen=True, slots=True)
class Home:
    """Which gateway this is: ``machine`` tells one loopback from another, ``who`` one gateway from all others."""

    machine: str
    who: str


class Shared:
    """Keeps the lanes of the pool's nodes at what the other gateways say. ``waiting`` counts our own, by model."""

    def __init__(
        self,
        pool: Pool,
        exchange: Exchange,
        home: Home,
        *,
        waiting: Callable[[], Mapping[str, int]] = dict,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._pool = pool
        self._exchange = exchange
        self._home = home
        self._waiting = waiting
        self._now = now
        self._others: Counter[tuple[str, str]] = Counter()
        self._is_alone = False

    def others_inflight(self, node: str, model: str) -> int:
        """Calls that the other gateways have at the node of that name.

        Args:
            node: as it is called here.
            model: its full name in lower case, as in ``Upstream.lanes``.
        """
        found = self._pool.find(node)
        return self._others[(self._key(found.url), model)] if found else 0

    async def tick(self) -> None:
        """Says and hears once."""
        try:
            said = await self._exchange.swap(dump_json(self._mine()))
        except Unavailable as exc:
            self._hear(())
            self._tell(alone=True, reason=exc.message)
            return
        self._hear([Word.read(raw) for raw in said])
        self._tell(alone=False)

    async def run(self) -> None:
        """For ever."""
        try:
            await every(PAUSE_SECONDS, self.tick, name="other gateways")
        finally:
            await self._exchange.leave()

    def _mine(self) -> dict[str, object]:
        rows: dict[str, dict[str, int]] = {}
        for upstream in self._pool.all():
            counts = {model: lane.inflight for model, lane in upstream.lanes.items() if lane.inflight}
            if counts:
                rows[self._key(upstream.url)] = counts
        waiting = [model.casefold() for model, count in self._waiting().items() if count]
        return {"who": self._home.who, "calls": rows, "waiting": waiting}

    def _hear(self, words: Sequence[Word]) -> None:
        self._others = Counter()
        for word in words:
            self._others.update(word.calls)
        for upstream in self._pool.all():
            key = self._key(upstream.url)
            for model, lane in upstream.lanes.items():
                lane.elsewhere = self._others[(key, model)]
                lane.most = self._share(lane.capacity.declared or lane.capacity.learned, (key, model), words)
            upstream.elsewhere = sum(count for (node, _), count in self._others.items() if node == key)

    def _share(self, slots: int, lane: tuple[str, str], words: Sequence[Word]) -> int | None:
        """Places that are ours while others wait for the same model; None: nobody does, and all are for whoever comes.

        Without it the gateway that has the places would keep them: it learns first of each that gets free.
        """
        if not any(lane[1] in word.waiting for word in words):
            return None
        rivals = {word.who for word in words if lane[1] in word.waiting or word.calls.get(lane)}
        wanting = sorted({self._home.who, *rivals})
        each, left = divmod(slots, len(wanting))
        # What cannot be divided goes round.
        turn = (wanting.index(self._home.who) + int(self._now() / TURN_SECONDS)) % len(wanting)
        return each + (turn < left)

    def _key(self, url: str) -> str:
        """A node as every gateway knows it: names differ, and every machine has a loopback of its own."""
        return f"{self._home.machine}|{url}" if urlsplit(url).hostname in _LOOPBACK else url

    def _tell(self, *, alone: bool, reason: str = "") -> None:
        if alone is not self._is_alone:
            self._is_alone = alone
            if alone:
                log.warning("counts calls for itself alone", reason=reason)
            else:
                log.info("counts calls together with the other gateways")


def machine_name(folder: Path = Path("/etc")) -> str:
    """What tells this machine, or container, from others."""
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}.{(folder / 'machine-id').read_text(encoding='ascii').strip()}"
    return socket.gethostname()


@asynccontextmanager
async def sharing(shared: Shared) -> AsyncIterator[None]:
    """Tells and hears as long as the block lasts."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(shared.run())
        try:
            yield
        finally:
            running.cancel()


def _counts(calls: Mapping[str, object]) -> dict[tuple[str, str], int]:
    return {
        (node, model): count
        for node, models in calls.items()
        if isinstance(models, dict)
        for model, count in models.items()
        if isinstance(count, int) and not isinstance(count, bool) and 0 < count < _MOST
    }
