"""Connections to Redis. Every exception of that library ends here.

Redis is transport: what is in it may be gone at any moment, and nothing that must be right depends on it.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)

from cluster_ai.core.errors import Misconfigured, Unavailable

CONNECT_SECONDS: Final = 2.0
SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
_REFUSED: Final = ("WRONGPASS", "NOAUTH", "NOPERM")


class RedisUnavailable(Unavailable):
    """Redis gave no answer, or not in time."""

    code = "redis_unavailable"


class RedisFull(RedisUnavailable):
    """Redis has no memory left for what is written."""

    code = "redis_full"


class RedisRefused(Misconfigured):
    """Redis does not take the user and password of redis_url, or gives that user too few rights."""

    code = "redis_refused"


@asynccontextmanager
async def connected(url: str, *, seconds: float) -> AsyncIterator[Redis]:
    """A client for ``url``, closed at the end. Nothing is asked of Redis before it is used.

    Args:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``.
        seconds: the longest wait for one answer.

    Raises:
        Misconfigured: ``url`` is no address of a Redis.
    """
    try:
        redis: Redis = Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=CONNECT_SECONDS,
            # The library would try ten times with pauses of its own; ours are in ``Pauses``.
            retry=Retry(NoBackoff(), 0),
            # Left to itself the library reads its version from the disk for every connection, and tells it to Redis.
            driver_info=DriverInfo(name=None, lib_version=None),
            decode_responses=True,
            protocol=2,
        )
    except (ValueError, TypeError) as exc:
        # Its words may hold the address, and that the password.
        raise Misconfigured(
            "redis_url is no address of a Redis", hint="write redis://user:password@host:6379/0"
        ) from exc
    try:
        yield redis
    finally:
        await redis.aclose()


@contextmanager
def answered() -> Iterator[None]:
    """Raises our classes for whatever the library raises inside.

    Raises:
        RedisRefused: user, password or rights are not right.
        RedisFull: it has no memory left.
        RedisUnavailable: everything else.
    """
    try:
        yield
    except (AuthenticationError, AuthorizationError, NoPermissionError) as exc:
        raise _refused(exc) from exc
    except (RedisError, OSError) as exc:
        # Of a command in a batch the library repeats all of it, and in it what was to be written.
        text = str(exc).rpartition("caused error: ")[2]
        if isinstance(exc, ResponseError) and text.startswith(_REFUSED):
            raise _refused(exc) from exc
        if isinstance(exc, OutOfMemoryError):
            raise RedisFull("Redis has no memory left", hint="raise its maxmemory, or let it evict") from exc
        raise RedisUnavailable(f"Redis cannot be used: {text[:200] or type(exc).__name__}") from exc


def _refused(exc: Exception) -> RedisRefused:
    return RedisRefused(f"Redis refuses us: {str(exc)[:200]}", hint="mend user and password in redis_url")


class Pauses:
    """Growing pauses between attempts to reach what is away, drawn so that many do not come back in step."""

    def __init__(self, *, draw: random.Random | None = None) -> None:
        self._draw = draw or random.SystemRandom()
        self._next = SHORTEST_PAUSE

    def reset(self) -> None:
        """It answered."""
        self._next = SHORTEST_PAUSE

    async def wait(self) -> None:
        """Until the next attempt."""
        pause, self._next = self._next, min(LONGEST_PAUSE, self._next * 2)
        await asyncio.sleep(pause * self._draw.uniform(0.5, 1.0))
