"""The cluster's live messages over server-sent events, followed through restarts of the server."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from cluster_ai.core.errors import ClusterError, Unavailable

_ENVELOPE = {"number", "topic", "data"}


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened. ``number`` is the cursor to resume after; ``data`` is parsed JSON."""

    number: int
    topic: str
    data: Any


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How to come back. ``silence`` is the longest quiet stretch before a connection counts as dead. Seconds."""

    first: float = 0.25
    cap: float = 5.0
    silence: float = 30.0

    def pause(self, attempt: int, rng: random.Random) -> float:
        """Before the attempt of that number (0 is the first): doubling, with half of it drawn."""
        whole = min(self.cap, self.first * 2.0 ** min(attempt, 16))
        return whole * (0.5 + rng.random() / 2)


Trouble = Callable[[ClusterError, float], None]
Messages = AbstractAsyncContextManager[AsyncIterator[Message]]


async def follow(
    connect: Callable[[int | None], Messages],
    *,
    after: int | None,
    reconnect: Reconnect,
    rng: random.Random,
    on_trouble: Trouble | None,
) -> AsyncGenerator[Message, None]:
    """Messages for ever. An outage is told to ``on_trouble`` (why, and the pause in seconds) and waited out.

    Raises:
        ClusterError: one that waiting does not mend (not signed in, no such topic).
    """
    cursor, attempt = after, 0
    while True:
        try:
            async with connect(cursor) as messages:
                async for message in messages:
                    cursor, attempt = message.number, 0
                    yield message
            trouble = Unavailable("the server ended the stream")
        except Unavailable as exc:
            trouble = exc
        pause = reconnect.pause(attempt, rng)
        attempt += 1
        if on_trouble is not None:
            on_trouble(trouble, pause)
        await asyncio.sleep(pause)


def read_event(*, number: str, topic: str, data: str) -> Message:
    """One server-sent event. The data is the message itself, or its envelope as the WebSocket has it.

    Raises:
        Unavailable: it is not JSON.
    """
    try:
        value = json.loads(data)
    except ValueError as exc:
        raise Unavailable("the server sent an event that is not JSON") from exc
    if isinstance(value, dict) and value.keys() == _ENVELOPE:
        return Message(int(value["number"]), str(value["topic"]), value["data"])
    return Message(int(number) if number.isdecimal() else 0, topic, value)
