"""The counters that several gateways share, in Redis. Every exception of that library ends here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError

from cluster_ai.core.errors import Misconfigured, Unavailable
from cluster_ai.keys.windows import Claim, Taken

LONGEST_SECONDS: Final = 0.05
"""A call never waits longer for Redis than this."""
CONNECTIONS: Final = 16
WARM: Final = 4
"""Connections that are open before the first call."""
_TURNS: Final = 20
_FRONT: Final = "cluster-ai:limit"

# The windows are those of Redis's own clock: machines whose clocks differ still count together. All or none is taken,
# in one round trip. ARGV holds name, amount, limit and seconds of each claim.
_TAKE: Final = """
local now = tonumber(redis.call('TIME')[1])
local keys = {}
for i = 1, #ARGV, 4 do
  local key = KEYS[1] .. ':' .. ARGV[i] .. ':' .. math.floor(now / ARGV[i + 3])
  local used = tonumber(redis.call('GET', key) or '0')
  if used + ARGV[i + 1] > tonumber(ARGV[i + 2]) then
    return {now, (i + 3) / 4}
  end
  keys[#keys + 1] = key
end
for n, key in ipairs(keys) do
  redis.call('INCRBY', key, ARGV[n * 4 - 2])
  redis.call('EXPIRE', key, ARGV[n * 4] + 60)
end
return {now, 0}
"""
# KEYS[1] as above, ARGV[1] the time of the claims, then name, amount and seconds of each. Less than nothing is never
# kept: a window that has ended is gone, and what is given back to it gives nobody anything.
_ADD: Final = """
for i = 2, #ARGV, 3 do
  local key = KEYS[1] .. ':' .. ARGV[i] .. ':' .. math.floor(ARGV[1] / ARGV[i + 2])
  local used = tonumber(redis.call('GET', key) or '0') + ARGV[i + 1]
  redis.call('SET', key, string.format('%.0f', math.max(used, 0)), 'EX', ARGV[i + 2] + 60)
end
"""


class SharedCounters:
    """Made by ``open_shared``."""

    def __init__(self, redis: Redis, *, seconds: float) -> None:
        self._redis = redis
        self._seconds = seconds
        self._take = redis.register_script(_TAKE)
        self._add = redis.register_script(_ADD)

    async def take(self, key_id: str, claims: Sequence[Claim]) -> Taken:
        """Takes all of ``claims`` or none, counted together with every other gateway.

        Raises:
            Unavailable: Redis gave no answer in time; nobody knows whether anything was taken.
        """
        words = [word for claim in claims for word in (claim.counted, claim.amount, claim.limit, claim.seconds)]
        at, refused = await self._in_time(self._take(keys=[_name(key_id)], args=words))
        return Taken(float(at), claims[refused - 1] if refused else None)

    async def add(self, key_id: str, claims: Sequence[Claim], *, at: float) -> None:
        """Counts what was used, whatever the limit says.

        Raises:
            Unavailable: as ``take``.
        """
        words = [word for claim in claims for word in (claim.counted, claim.amount, claim.seconds)]
        await self._in_time(self._add(keys=[_name(key_id)], args=[int(at), *words]))

    async def check(self) -> None:
        """Asks whether Redis answers.

        Raises:
            Unavailable: it does not.
        """
        await self._in_time(self._redis.ping())

    async def warm(self) -> None:
        """Opens connections and tells Redis what will be asked, so that no call has to.

        Raises:
            Unavailable: it does not answer.
        """
        for script in (_TAKE, _ADD):
            await self._in_time(self._redis.script_load(script))
        await asyncio.gather(*(self.check() for _ in range(WARM)))

    async def _in_time(self, answer: Awaitable[Any]) -> Any:
        asking = asyncio.ensure_future(answer)
        asking.add_done_callback(_seen)
        try:
            await asyncio.wait({asking}, timeout=self._seconds)
            for _ in range(_TURNS):
                # A loop that was busy for longer than that has the answer already, and has not come to read it.
                if asking.done():
                    break
                await asyncio.sleep(0)
        finally:
            asking.cancel()
        if not asking.done():
            raise Unavailable("Redis took too long")
        try:
            return asking.result()
        except (RedisError, OSError) as exc:
            raise Unavailable(f"Redis cannot be used: {str(exc)[:200] or type(exc).__name__}") from exc


@asynccontextmanager
async def open_shared(url: str, *, seconds: float = LONGEST_SECONDS) -> AsyncIterator[SharedCounters]:
    """Counters at ``url``. Nothing is asked of Redis before they are used.

    Raises:
        Misconfigured: ``url`` is no address of a Redis.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=seconds,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            # The library would try ten times, with pauses; we count alone instead.
            retry=Retry(NoBackoff(), 0),
            # Left to itself the library reads its version from the disk for every connection, and tells it to Redis.
            driver_info=DriverInfo(name=None, lib_version=None),
            protocol=2,
        )
    except ValueError as exc:
        raise Misconfigured(f"redis_url is wrong: {exc}") from exc
    async with Redis(connection_pool=pool) as redis:
        try:
            yield SharedCounters(redis, seconds=seconds)
        finally:
            await pool.disconnect()


def _seen(asked: "asyncio.Future[Any]") -> None:
    """An answer that nobody waits for any more may fail in silence."""
    if not asked.cancelled():
        asked.exception()


def _name(key_id: str) -> str:
    # The braces keep the counters of one key on one machine of a Redis cluster.
    return f"{_FRONT}:{{{key_id}}}"
