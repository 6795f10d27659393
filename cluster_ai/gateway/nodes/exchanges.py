"""Where several gateways leave word for each other: a Redis between machines, a folder between processes of one."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from cluster_ai import __version__
from cluster_ai.core.errors import Misconfigured, Unavailable
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.nodes.shared import LIFE_SECONDS, Exchange, Home, Shared, machine_name, sharing

ANSWER_SECONDS: Final = 0.5
_FRONT: Final = "cluster-ai:{inflight}"
"""The braces keep all of it on one machine of a Redis cluster."""
# KEYS[1]: the set of all, and the front of each one's word. ARGV: who we are, our word, its life in milliseconds.
_SWAP: Final = """
redis.call('SET', KEYS[1] .. ':' .. ARGV[1], ARGV[2], 'PX', ARGV[3])
redis.call('SADD', KEYS[1], ARGV[1])
local found = {}
for _, who in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if who ~= ARGV[1] then
    local said = redis.call('GET', KEYS[1] .. ':' .. who)
    if said then found[#found + 1] = said else redis.call('SREM', KEYS[1], who) end
  end
end
return found
"""


class RedisExchange:
    """Made by ``open_redis``. ``who`` is this gateway's own name, never used by another."""

    def __init__(self, redis: Any, *, who: str) -> None:
        self._redis = redis
        self._who = who
        self._script = redis.register_script(_SWAP)

    async def swap(self, mine: bytes) -> list[bytes]:
        words = [self._who, mine, int(LIFE_SECONDS * 1000)]
        found: list[bytes] = await _in_time(self._script(keys=[_FRONT], args=words))
        return found

    async def leave(self) -> None:
        with contextlib.suppress(Unavailable):
            await _in_time(self._redis.delete(f"{_FRONT}:{self._who}"))


class FolderExchange:
    """Files of one folder. ``who`` is the process's number, so what a killed one left is known to be worthless."""

    def __init__(self, folder: Path, *, who: str) -> None:
        self._folder = folder
        self._own = folder / f"inflight.{who}"
        self._said = b""
        self._said_at = 0.0

    async def swap(self, mine: bytes) -> list[bytes]:
        try:
            return await asyncio.to_thread(self._swap, mine)
        except OSError as exc:
            raise Unavailable(f"{self._folder}: {exc.strerror or exc}") from exc

    async def leave(self) -> None:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._own.unlink)

    def _swap(self, mine: bytes) -> list[bytes]:
        now, found = time.time(), []
        if mine != self._said or abs(now - self._said_at) > LIFE_SECONDS / 2:
            draft = self._own.with_name(f".{self._own.name}")
            draft.write_bytes(mine)
            # Readers see the old word or the new one, never half of one.
            draft.replace(self._own)
            self._said, self._said_at = mine, now
        for path in self._folder.glob("inflight.*"):
            if path == self._own:
                continue
            with contextlib.suppress(FileNotFoundError):
                age = now - path.stat().st_mtime
                if abs(age) <= LIFE_SECONDS:
                    found.append(path.read_bytes())
                elif abs(age) > LIFE_SECONDS * 10:
                    path.unlink()
        return found


@asynccontextmanager
async def open_redis(url: str, *, who: str) -> AsyncIterator[Exchange]:
    """An exchange at ``url``. Nothing is asked of Redis before it is used.

    Raises:
        Misconfigured: ``url`` is no address of a Redis.
    """
    from redis.asyncio import Redis  # noqa: PLC0415 - carried only by gateways that have one
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.driver_info import DriverInfo  # noqa: PLC0415

    try:
        redis = Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            # Asked again a moment later anyway: the library's own pauses would only make numbers old.
            retry=Retry(NoBackoff(), 0),
            # Left to itself the library reads its own version from the disk for every connection.
            driver_info=DriverInfo(name="cluster-ai", lib_version=__version__),
        )
    except ValueError as exc:
        raise Misconfigured(f"redis_url is wrong: {exc}") from exc
    try:
        yield RedisExchange(redis, who=who)
    finally:
        await redis.aclose()


@asynccontextmanager
async def counting_together(
    pool: Pool, waiting: Callable[[], Mapping[str, int]], *, redis_url: str | None, folder: Path
) -> AsyncIterator[None]:
    """This process counts calls together with all others that use the same nodes, as long as the block lasts.

    Those are the ones at the same Redis; without one, the processes of this machine: while a gateway is restarted there
    are two of them. ``waiting`` counts the calls that wait here, by model.

    Raises:
        Misconfigured: ``redis_url`` is no address of a Redis.
    """
    machine, pid = await asyncio.to_thread(machine_name), os.getpid()
    home = Home(machine, f"{machine}.{pid}")
    async with AsyncExitStack() as stack:
        exchange: Exchange = FolderExchange(folder, who=str(pid))
        if redis_url is not None:
            exchange = await stack.enter_async_context(open_redis(redis_url, who=home.who))
        await stack.enter_async_context(sharing(Shared(pool, exchange, home, waiting=waiting)))
        yield


async def _in_time(answer: Any) -> Any:
    from redis.exceptions import RedisError  # noqa: PLC0415

    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await answer
    except TimeoutError as exc:
        raise Unavailable("Redis took too long") from exc
    except (RedisError, OSError) as exc:
        raise Unavailable(f"Redis cannot be used: {str(exc)[:200] or type(exc).__name__}") from exc
