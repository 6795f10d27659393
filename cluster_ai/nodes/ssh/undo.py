"""What was done, so that it can be taken back in reverse when the whole does not come about."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from cluster_ai.core.errors import ClusterError

Action = Callable[[], Awaitable[object]]
Told = Callable[[str, ClusterError | None], None]
"""What was taken back, or why it could not be."""


class Undo:
    """``async with Undo(told) as undo``: left by an error, or cancelled, everything that was noted is undone."""

    def __init__(self, told: Told, *, seconds: float = 60.0) -> None:
        self._told = told
        self._seconds = seconds
        self._done: list[tuple[str, Action]] = []

    def note(self, what: str, back: Action) -> None:
        """``what`` is about to be done, and ``back`` takes it back; harmless if it was not."""
        self._done.append((what, back))

    def forget(self, what: str) -> None:
        """That was taken back already, by whoever did it."""
        self._done = [one for one in self._done if one[0] != what]

    def keep(self) -> None:
        """What was done so far stays."""
        self._done.clear()

    async def back(self) -> None:
        """Takes everything back, the last first. What fails is told and does not stop the rest."""
        while self._done:
            what, action = self._done.pop()
            problem: ClusterError | None = None
            try:
                async with asyncio.timeout(self._seconds):
                    await action()
            except ClusterError as exc:
                problem = exc
            except TimeoutError:
                problem = ClusterError(f"it took longer than {self._seconds:g} s")
            self._told(what, problem)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is None:
            return
        # Who cancels us waits for this: half a machine is worse than a moment.
        going_back = asyncio.ensure_future(self.back())
        while not going_back.done():
            try:
                await asyncio.shield(going_back)
            except asyncio.CancelledError:
                continue
