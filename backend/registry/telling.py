"""The watch of the registry over gRPC: batches of changes, each change made into bytes once for all who watch."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

from backend.plane import Plane
from backend.registry import messages
from backend.registry.failing import fail
from backend.registry.watching import while_allowed
from backend.streams import Gate
from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.registry.types import Change, What

_REMEMBERED: Final = 512
_AT_ONCE: Final = 256
"""Changes in one message."""
_LONGEST: Final = 64


class Telling:
    """Watches of one plane. ``admit`` lets a caller pass, by the context of the call, or raises."""

    def __init__(self, plane: Plane, admit: Callable[[Any], Awaitable[object]]) -> None:
        self._plane = plane
        self._admit = admit
        self._pieces: OrderedDict[int, bytes] = OrderedDict()
        self._everything: tuple[tuple[Change, ...], tuple[bytes, ...]] = ((), ())

    async def watch(self, request: Any, context: Any) -> AsyncIterator[bytes]:
        """Serialized ``Changes``, until the caller leaves or may not read on, or this process stops."""
        try:
            await self._admit(context)
            if len(request.kind) > _LONGEST or len(request.after) > _LONGEST:
                raise InvalidInput("kind and cursor are short texts")
            gate = Gate(lambda: self._admit(context), self._plane.leaving)
            with self._plane.registry.watch(after=request.after, kind=request.kind or None) as watcher:
                async for changes in while_allowed(watcher, gate):
                    for message in self._messages(changes):
                        yield message
        except ClusterError as exc:
            await fail(context, exc)

    def _messages(self, changes: tuple[Change, ...]) -> tuple[bytes, ...]:
        if not changes or changes[0].what is not What.RESET:
            return tuple(_joined(changes, self._piece))
        # All that is there has one number, and is one object for those who come at the same moment.
        if self._everything[0] is not changes:
            self._everything = changes, tuple(_joined(changes, messages.change))
        return self._everything[1]

    def _piece(self, change: Change) -> bytes:
        found = self._pieces.get(change.number)
        if found is None:
            found = self._pieces[change.number] = messages.change(change)
            if len(self._pieces) > _REMEMBERED:
                self._pieces.popitem(last=False)
        return found


def _joined(changes: tuple[Change, ...], piece: Callable[[Change], bytes]) -> Iterator[bytes]:
    for first in range(0, len(changes), _AT_ONCE):
        yield b"".join(map(piece, changes[first : first + _AT_ONCE]))
