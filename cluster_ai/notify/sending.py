"""One attempt: a request through the guard, or a letter. It never raises for what the other side does."""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import aiohttp

from cluster_ai.core.bodies import read_up_to
from cluster_ai.core.errors import ClusterError
from cluster_ai.notify.addresses import Target
from cluster_ai.notify.forms import Request
from cluster_ai.notify.guard import Guard
from cluster_ai.notify.retrying import retry_after_of
from cluster_ai.notify.types import Answer

SECONDS: Final = 10.0
"""Longest attempt, from the name's resolution to the last byte that is read."""
EXCERPT_BYTES: Final = 1024
"""So much of an answer is read; the rest stays on the wire."""
HEADER_BYTES: Final = 8190


@dataclass(frozen=True, slots=True)
class Post:
    """Sends requests. ``now``: Unix seconds, for dates in ``Retry-After``; ``tls``: None for the system's CAs."""

    guard: Guard
    now: Callable[[], float]
    tls: ssl.SSLContext | None = None
    seconds: float = SECONDS

    async def __call__(self, url: str, request: Request) -> Answer:
        """What the receiver at ``url`` answers. Redirects are not followed, and no proxy is used."""
        began = time.monotonic()
        try:
            target = self.guard.read(url)
            async with asyncio.timeout(self.seconds):
                status, excerpt, retry_after = await self._exchange(target, request)
        except TimeoutError:
            return Answer(ms=_since(began), error=f"no answer within {self.seconds:g} s")
        except ClusterError as exc:
            return Answer(ms=_since(began), error=exc.message)
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            return Answer(ms=_since(began), error=_said(exc))
        wait = retry_after_of(retry_after, now=self.now())
        return Answer(status=status, ms=_since(began), excerpt=excerpt, retry_after=wait)

    async def _exchange(self, target: Target, request: Request) -> tuple[int, str, str]:
        session = aiohttp.ClientSession(
            connector=self.guard.connector(target),
            # A proxy from the environment would connect to what nobody checked.
            trust_env=False,
            # What is packed could be a thousand times as long as it says.
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
            skip_auto_headers=("Accept-Encoding",),
        )
        async with session:
            tls = True if self.tls is None else self.tls
            sending = session.post(
                target.url, data=request.body, headers=dict(request.headers), allow_redirects=False, ssl=tls
            )  # fmt: skip
            async with sending as response:
                body = await read_up_to(response.content, EXCERPT_BYTES)
                excerpt = body.decode("utf-8", "replace").replace("\x00", "�")
                return response.status, excerpt, response.headers.get("Retry-After", "")


def _said(exc: Exception) -> str:
    inner = getattr(exc, "os_error", None) or exc
    return (getattr(inner, "strerror", None) or str(inner) or type(inner).__name__)[:300]


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
