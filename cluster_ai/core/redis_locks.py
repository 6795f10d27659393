"""Locks between processes, for work that need not be done twice.

Never for work that must not be done twice. A holder that is stopped for longer than its lock lives (a paused machine,
a long garbage collection) goes on believing that it holds it; a Redis that fails over or is emptied has forgotten every
lock; a clock that jumps ends one early. What must be right is decided in the database, by a fence that is compared in
the same unit of work. Here the fence only helps to tell an old holder from a new one in a log.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from redis.asyncio import Redis

from cluster_ai.core.errors import Conflict
from cluster_ai.core.redis_link import RedisRefused, RedisUnavailable, answered

_FRONT: Final = "cluster-ai:lock"
# KEYS: the lock, its fence. ARGV: the holder's token, milliseconds. The fence grows with Redis's own clock, so that it
# does not begin at one again after Redis was emptied.
_TAKE: Final = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 0
end
local now = redis.call('TIME')
local fence = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now[1] * 1000000 + now[2])
redis.call('SET', KEYS[2], string.format('%.0f', fence))
return fence
"""
# Only who holds it may end or lengthen it: it may have run out, and be another's by now.
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"
_EXTEND: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) else return 0 end
"""


class Busy(Conflict):
    """Somebody else holds the lock."""

    code = "lock_busy"


def _token() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that we hold. ``fence``: larger than that of every holder before, as far as Redis remembers."""

    name: str
    fence: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Locks:
    """Over an open connection. ``token``: draws what nobody else can guess."""

    redis: Redis
    token: Callable[[], str] = _token

    @asynccontextmanager
    async def hold(self, name: str, *, seconds: float) -> AsyncIterator[Held]:
        """Holds ``name`` inside the block, for ``seconds`` at most unless it is extended.

        Raises:
            Busy: somebody else has it.
            RedisUnavailable, RedisRefused: nobody can say.
        """
        held = await self.take(name, seconds=seconds)
        try:
            yield held
        finally:
            # It runs out by itself when Redis is away.
            with suppress(RedisUnavailable):
                await self.release(held)

    @asynccontextmanager
    async def turn(self, name: str, *, seconds: float) -> AsyncIterator[bool]:
        """Whether it is this process's turn at work that need not be done twice; True when nobody can say."""
        held = None
        try:
            held = await self.take(name, seconds=seconds)
        except Busy:
            is_ours = False
        except (RedisUnavailable, RedisRefused):
            is_ours = True
        else:
            is_ours = True
        try:
            yield is_ours
        finally:
            if held is not None:
                with suppress(RedisUnavailable, RedisRefused):
                    await self.release(held)

    async def take(self, name: str, *, seconds: float) -> Held:
        """The lock, for ``seconds``. Raises as ``hold``."""
        token = self.token()
        with answered():
            fence = await self.redis.eval(_TAKE, 2, _key(name), f"{_key(name)}:fence", token, _ms(seconds))
        if not fence:
            raise Busy(f"somebody else holds {name}")
        return Held(name, int(fence), token)

    async def extend(self, held: Held, *, seconds: float) -> bool:
        """Another ``seconds`` from now; False: it is ours no more."""
        with answered():
            return bool(await self.redis.eval(_EXTEND, 1, _key(held.name), held.token, _ms(seconds)))

    async def release(self, held: Held) -> bool:
        """Gives it back; False: it was ours no more."""
        with answered():
            return bool(await self.redis.eval(_RELEASE, 1, _key(held.name), held.token))


def _key(name: str) -> str:
    # The braces keep a lock and its fence on one machine of a Redis cluster.
    return f"{_FRONT}:{{{name}}}"


def _ms(seconds: float) -> str:
    return str(max(1, int(seconds * 1000)))
