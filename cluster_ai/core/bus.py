"""The in-process bus: publish never waits, a slow subscriber loses its oldest messages and is told how many."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened. ``number`` grows by one per bus and is the resume cursor."""

    number: int
    topic: str
    data: Any
    is_foreign: bool = False
    """It happened in another process, which was told, too."""


@dataclass(slots=True, eq=False)
class Subscription:
    """Messages of the topics asked for, oldest first. ``lost`` counts what was dropped since the last read."""

    topics: frozenset[str]
    bound: int
    lost: int = 0
    _waiting: deque[Message] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, message: Message) -> None:
        if self.topics and message.topic not in self.topics:
            return
        if len(self._waiting) >= self.bound:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(message)
        self._wake.set()

    async def next(self) -> Message:
        """The next message, waiting for it."""
        while not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popleft()

    def pending(self) -> list[Message]:
        """What waits already, without waiting for more."""
        found = list(self._waiting)
        self._waiting.clear()
        return found

    async def __aiter__(self) -> AsyncIterator[Message]:
        while True:
            yield await self.next()


class Bus:
    """Topics to subscribers inside one process, with a short memory for those who come back."""

    def __init__(self, *, remember: int = 512) -> None:
        self._number = 0
        self._recent: deque[Message] = deque(maxlen=remember)
        self._subscriptions: set[Subscription] = set()

    @property
    def last_number(self) -> int:
        return self._number

    def publish(self, topic: str, data: Any) -> Message:
        """Tells every subscriber of ``topic``; never waits and never fails."""
        return self._pass_on(topic, data)

    def _pass_on(self, topic: str, data: Any, *, is_foreign: bool = False) -> Message:
        self._number += 1
        message = Message(self._number, topic, data, is_foreign)
        self._recent.append(message)
        for subscription in self._subscriptions:
            subscription.offer(message)
        return message

    @contextmanager
    def subscribe(self, *topics: str, after: int | None = None, bound: int = 256) -> Iterator[Subscription]:
        """A subscription to ``topics`` (all when none is named), first replaying what came ``after`` that number."""
        subscription = Subscription(frozenset(topics), bound)
        if after is not None:
            for message in self._recent:
                if message.number > after:
                    subscription.offer(message)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
