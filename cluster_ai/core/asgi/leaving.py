"""Work that ends when its client leaves, told by the connection itself: a task for each request would cost more."""

import asyncio
from collections.abc import Callable, MutableMapping
from types import TracebackType
from typing import Any

_KEY = "cluster_ai.leaving"


class ClientLeft(Exception):
    """Nobody listens any more."""


class Leaving:
    """Of one connection. ``listen`` makes the server read on: only who reads hears of an end; ``end`` makes one."""

    __slots__ = ("end", "has_left", "listen", "tasks")

    def __init__(self, listen: Callable[[], None], end: Callable[[], None]) -> None:
        self.listen = listen
        self.end = end
        self.tasks: set[asyncio.Task[Any]] = set()
        self.has_left = False

    def offer(self, scope: Any) -> None:
        """Puts itself where ``until_left`` finds it."""
        scope.setdefault("extensions", {})[_KEY] = self

    def tell(self) -> None:
        """The client has left."""
        self.has_left = True
        # The connection holds this, and these hold the connection.
        self.listen = self.end = _nothing
        for task in self.tasks:
            task.cancel()


def _nothing() -> None:
    """Nobody is there any more."""


def hang_up(scope: MutableMapping[str, Any]) -> None:
    """Ends the connection behind what was sent: an answer that has begun stays without its end.

    The application then returns; nobody takes that for a mistake of it.
    """
    leaving: Leaving = scope["extensions"][_KEY]
    leaving.end()


class until_left:  # noqa: N801 - read as a word of its ``with``
    """Cancels what is awaited in the block when the client of a request leaves, and raises ``ClientLeft``."""

    __slots__ = ("_cancelled_before", "_leaving", "_task")

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self._leaving: Leaving = scope["extensions"][_KEY]

    def __enter__(self) -> None:
        if self._leaving.has_left:
            raise ClientLeft
        task = asyncio.current_task()
        assert task is not None, "requests are answered by tasks"
        self._task, self._cancelled_before = task, task.cancelling()
        self._leaving.tasks.add(task)
        self._leaving.listen()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._leaving.tasks.discard(self._task)
        if not self._leaving.has_left:
            return
        # Somebody else may end the task as well: that is not ours to hide.
        is_ours = self._task.uncancel() == self._cancelled_before
        if is_ours and isinstance(error, asyncio.CancelledError):
            raise ClientLeft from error
