"""Many clients at a time, each of which tells how its stream went."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from tests.fakes.raw import MODEL

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}


@dataclass
class Stream:
    """What one client saw. ``ttft`` in seconds; ``failed`` is empty for an answer that came to its end."""

    began: float
    ttft: float = 0.0
    tokens: int = 0
    done: bool = False
    failed: str = ""
    said: str = ""
    """The error that the gateway told in the middle of the stream."""

    @property
    def is_whole(self) -> bool:
        return self.done and not self.failed


async def stream(session: aiohttp.ClientSession, url: str, *, tokens: int) -> Stream:
    """One streamed chat of so many tokens."""
    seen = Stream(time.monotonic())
    body = CHAT | {"options": {"num_predict": tokens}}
    try:
        async with session.post(f"{url}/api/chat", json=body) as answer:
            if answer.status != 200:
                seen.failed = f"status {answer.status}: {(await answer.text())[:200]}"
                return seen
            async for line in answer.content:
                seen.ttft = seen.ttft or time.monotonic() - seen.began
                record = json.loads(line)
                seen.said = seen.said or record.get("error", "")
                seen.done = seen.done or bool(record.get("done"))
                seen.tokens += bool(record.get("message", {}).get("content"))
    except (aiohttp.ClientError, OSError) as exc:
        seen.failed = repr(exc)
    return seen


async def ask(session: aiohttp.ClientSession, url: str) -> int:
    """The status of a short whole answer; 0 when the connection broke."""
    try:
        async with session.post(
            f"{url}/api/chat", json=CHAT | {"stream": False, "options": {"num_predict": 1}}
        ) as said:
            await said.read()
            return said.status
    except (aiohttp.ClientError, OSError):
        return 0


@asynccontextmanager
async def client(*, keeps: bool = False) -> AsyncIterator[aiohttp.ClientSession]:
    """Connections of its own for each request, unless it ``keeps`` them."""
    connector = aiohttp.TCPConnector(limit=0, force_close=not keeps)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


async def spread(
    session: aiohttp.ClientSession, url: str, *, count: int, seconds: float, tokens: int
) -> list[asyncio.Task[Stream]]:
    """Starts so many streams over so many seconds; the caller awaits them."""
    begun = []
    for _ in range(count):
        begun.append(asyncio.create_task(stream(session, url, tokens=tokens)))
        await asyncio.sleep(seconds / count)
    return begun
