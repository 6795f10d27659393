"""The bus across processes: events go through a stream of Redis, everything else stays in its process.

Those in this process are told at once, whether Redis is there or not. For others an event waits in memory, up to a
bound, while Redis is away; what is dropped then is counted at both ends: every process numbers what it sends, so that
whoever reads sees the gap. A reader goes on after the last entry that it has seen. None of it is the truth: that is
in the database, and whoever must not miss anything reads it there.
"""

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import structlog
from redis.asyncio import Redis

from cluster_ai.core.bus import Bus, Message
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.events import Event
from cluster_ai.core.loops import alongside, heed_cancellation
from cluster_ai.core.redis_link import Pauses, RedisRefused, answered, connected
from cluster_ai.core.redis_locks import Locks

log = structlog.get_logger(__name__)

STREAM: Final = "cluster-ai:events"
KEPT: Final = 10_000
"""Entries that the stream keeps, about: so long may a reader be away."""
BUFFERED: Final = 10_000
"""Events that wait in memory while Redis is away; fewer where they are large."""
BUFFERED_CHARACTERS: Final = 16 * 1024 * 1024
AT_ONCE: Final = 100
BLOCK_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 5.0
MOST_ORIGINS: Final = 1000
BEGINNING: Final = "0-0"
_NOT_YET: Final = ""
_FIELDS: Final = frozenset({"id", "type", "subject", "data", "at"})


@dataclass(slots=True)
class Traffic:
    """What went to Redis and came from it, since the start."""

    problems: dict[str, str] = field(default_factory=lambda: {"sending": "", "reading": "not reached yet"})
    """What keeps each way from going; empty while it goes. A Redis without memory is still read."""
    sent: int = 0
    dropped: int = 0
    """Events of ours that others will never get: too many waited."""
    received: int = 0
    missed: int = 0
    """Events of others that never came here."""
    unreadable: int = 0

    @property
    def problem(self) -> str:
        """Why it cannot be used; empty while it can."""
        return next(filter(None, self.problems.values()), "")

    @property
    def reachable(self) -> bool:
        return not self.problem


class _Outgoing(NamedTuple):
    number: int
    text: str


class SharedBus(Bus):
    """A ``Bus`` whose events reach the other processes on the same stream. ``running`` connects it.

    Args:
        url: of Redis.
        origin: names this process among all; another one after a restart.
        stream: the key in Redis.
        after: the ``cursor`` to go on from; empty: what comes from now on.
    """

    def __init__(self, url: str, *, origin: str, stream: str = STREAM, after: str = _NOT_YET) -> None:
        super().__init__()
        self.traffic = Traffic()
        self.locks: Locks | None = None
        """Over the same connection, while it runs."""
        self._url = url
        self._origin = origin
        self._stream = stream
        self._cursor = after
        self._last_sent = 0
        self._waiting: deque[_Outgoing] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._gone = asyncio.Event()
        self._seen: OrderedDict[str, int] = OrderedDict()

    @property
    def cursor(self) -> str:
        """The last entry that was read; empty before the first look."""
        return self._cursor

    @property
    def buffered(self) -> int:
        """Events that wait for Redis."""
        return len(self._waiting)

    def publish(self, topic: str, data: Any) -> Message:
        """Tells every subscriber here; an event is sent to the other processes, too. Never waits and never fails."""
        message = super().publish(topic, data)
        if (text := _encoded(data)) is not None:
            self._last_sent += 1
            self._keep(_Outgoing(self._last_sent, text))
            self._wake.set()
        return message

    async def delivered(self, *, seconds: float) -> bool:
        """Whether Redis has taken all that was published until now, waiting for that."""
        last = self._last_sent
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._waiting and self._waiting[0].number <= last:
                    self._gone.clear()
                    await self._gone.wait()
                return True
        return False

    def _keep(self, one: _Outgoing) -> None:
        self._waiting.append(one)
        self._size += len(one.text)
        while len(self._waiting) > BUFFERED or self._size > BUFFERED_CHARACTERS:
            self._size -= len(self._waiting.popleft().text)
            self.traffic.dropped += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sends and reads inside the block, for as long as Redis is there and whenever it comes back.

        Raises:
            Misconfigured: ``url`` is no address of a Redis.
            RedisRefused: it answers, and does not take our user and password.
        """
        async with connected(self._url, seconds=ANSWER_SECONDS) as redis:
            await self._look(redis)
            self.locks = Locks(redis)
            sending = self._again(redis, "sending", self._send)
            reading = self._again(redis, "reading", self._read)
            async with alongside(redis_sending=sending, redis_reading=reading):
                yield

    async def _look(self, redis: Redis) -> None:
        """One look before anything is begun: a wrong password is told at the start, an absent Redis is waited for."""
        try:
            with answered():
                await redis.ping()
            if not self._cursor:
                self._cursor = await self._end(redis)
        except RedisRefused:
            raise
        except ClusterError as exc:
            self._note("reading", exc)
        else:
            self.traffic.problems = dict.fromkeys(self.traffic.problems, "")

    async def _again(self, redis: Redis, way: str, work: Callable[[Redis], Awaitable[None]]) -> None:
        pauses = Pauses()
        while True:
            failed = True
            try:
                await work(redis)
            except ClusterError as exc:
                self._note(way, exc)
            else:
                failed = False
                self._note(way, None)
                pauses.reset()
            # The library can take a cancellation for an answer that has not come.
            heed_cancellation()
            if failed:
                await pauses.wait()

    def _note(self, way: str, error: ClusterError | None) -> None:
        before, problem = self.traffic.problems[way], "" if error is None else error.message
        self.traffic.problems[way] = problem
        if error is not None and before != problem:
            log.warning("redis is not there", way=way, code=error.code, reason=problem, buffered=self.buffered)
        elif error is None and before:
            log.info("redis is back", way=way, buffered=self.buffered)

    # -- sending

    async def _send(self, redis: Redis) -> None:
        """Some of what waits, all or none of it: half of a batch that is sent again would come in another order."""
        if not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        some = [self._waiting[place] for place in range(min(AT_ONCE, len(self._waiting)))]
        with answered():
            async with redis.pipeline(transaction=True) as pipe:
                for one in some:
                    entry: dict[Any, Any] = {"o": self._origin, "n": one.number, "e": one.text}
                    pipe.xadd(self._stream, entry, maxlen=KEPT, approximate=True)
                await pipe.execute()
        # Meanwhile the oldest may have been dropped for younger ones.
        while self._waiting and self._waiting[0].number <= some[-1].number:
            self._size -= len(self._waiting.popleft().text)
        self.traffic.sent += len(some)
        self._gone.set()

    # -- reading

    async def _read(self, redis: Redis) -> None:
        if not self._cursor:
            self._cursor = await self._end(redis)
        with answered():
            # The library knows the answer's shape for every protocol at once; ours has lists and texts.
            found: Any = await redis.xread({self._stream: self._cursor}, count=AT_ONCE, block=int(BLOCK_SECONDS * 1000))
        if not found:
            await self._begin_anew_if_flushed(redis)
            return
        for name, fields in found[0][1]:
            self._cursor = name
            self._take(fields)

    async def _end(self, redis: Redis) -> str:
        """The last entry's id, as a number of its own: what comes while we are cut off is then read afterwards."""
        with answered():
            last = await redis.xrevrange(self._stream, count=1)
        return str(last[0][0]) if last else BEGINNING

    async def _begin_anew_if_flushed(self, redis: Redis) -> None:
        """A stream that was emptied may count from below where we are; we would wait there for ever."""
        end = await self._end(redis)
        if _order(end) < _order(self._cursor):
            self._cursor = BEGINNING

    def _take(self, fields: Mapping[str, str]) -> None:
        try:
            origin, number, (topic, data) = fields["o"], int(fields["n"]), _decoded(fields["e"])
        except (KeyError, ValueError, TypeError):
            # Another version's, or somebody else's.
            self.traffic.unreadable += 1
            return
        if origin == self._origin or not self._is_new(origin, number):
            return
        self.traffic.received += 1
        self._pass_on(topic, data, is_foreign=True)

    def _is_new(self, origin: str, number: int) -> bool:
        """Whether it has not been here; a sender whose connection broke may send a batch twice."""
        last = self._seen.get(origin)
        if last is not None and number <= last:
            return False
        if last is not None:
            self.traffic.missed += number - last - 1
        self._seen[origin] = number
        self._seen.move_to_end(origin)
        if len(self._seen) > MOST_ORIGINS:
            self._seen.popitem(last=False)
        return True


def _encoded(data: Any) -> str | None:
    """An event as others read it, in either of its forms: itself, or the mapping that readers are shown."""
    if isinstance(data, Event):
        said = {"id": data.id, "type": data.type, "subject": data.subject, "data": dict(data.data), "at": data.at}
        form = "event"
    elif isinstance(data, dict) and data.keys() == _FIELDS:
        said, form = data, "mapping"
    else:
        return None
    # Half a surrogate pair, or a value that is no JSON, must not keep others from being sent.
    return json.dumps({"form": form, "said": said}, separators=(",", ":"), default=str)


def _decoded(text: str) -> tuple[str, Any]:
    whole = json.loads(text)
    said = whole["said"]
    event = Event(str(said["id"]), str(said["type"]), str(said["subject"]), dict(said["data"]), float(said["at"]))
    return event.topic, event if whole["form"] == "event" else said


def _order(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number or 0)
