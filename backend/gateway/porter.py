"""Stands at every door that wants to know its caller; has the gate for as long as the gateway is open."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Final

from backend.gateway.answers import Asked
from backend.gateway.gate import Gate, open_gate
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.room import Room
from cluster_ai.gateway.served import Served
from cluster_ai.keys.opening import KeysConfig
from cluster_ai.keys.rights import demand_inference
from cluster_ai.keys.types import Caller

MOST_READ: Final = 32_768
"""Tokens of a prompt that are counted before a node has read it, at most: a picture in it looks like far more."""
MOST_WRITTEN: Final = 1000
"""Tokens of an answer that are counted before it is there, at most: clients ask for far more than they get."""
_ASKED_ABOUT: Final = "/api/show"
"""Passed to a node as a call is, and uses nothing."""

_UNCOUNTED: Final = nullcontext()

Door = Callable[[Asked, Room], Awaitable[None]]


class Porter:
    """Made before the gateway opens, because routes are."""

    def __init__(self, config: KeysConfig) -> None:
        self._config = config
        self._gate: Gate | None = None

    @asynccontextmanager
    async def on_duty(self) -> AsyncIterator[None]:
        """Knows callers inside the block."""
        async with open_gate(self._config) as gate:
            self._gate = gate
            try:
                yield
            finally:
                self._gate = None

    def caller_of(self, asked: Asked) -> Caller:
        """Who asks, by what they show.

        Raises:
            KeyRefused, KeyRequired, KeysUnavailable: they may not come in.
        """
        assert self._gate is not None, "requests come between startup and shutdown"
        peer = asked.scope.get("client")
        return self._gate.admit(asked.scope["headers"], peer=peer[0] if peer else None)

    async def first_look(self) -> bool:
        """Returns when the keys have been asked for once; whether that had to be waited for."""
        return self._gate is not None and await self._gate.first_look()

    async def look_after_now(self) -> bool:
        """Returns when the keys have been asked for once more; whether they have."""
        return self._gate is not None and await self._gate.look_after_now()

    def known(self, door: Door) -> Door:
        """``door`` for callers that are known."""

        async def known(asked: Asked, room: Room) -> None:
            self.caller_of(asked)
            await door(asked, room)

        return known

    async def counted(self, call: Call) -> AbstractContextManager[None]:
        """Lets a call begin that its caller may make, and counts it to their limits; the block is the call.

        Raises:
            ScopeMissing, ModelNotAllowed, LimitReached: they may not.
        """
        caller = call.sender.caller
        if call.path.path == _ASKED_ABOUT:
            demand_inference(caller, call.model)
            return _UNCOUNTED
        assert self._gate is not None, "requests come between startup and shutdown"
        guess = min(call.chain.tokens, MOST_READ) + min(call.most_tokens or 0, MOST_WRITTEN)
        return await self._gate.reserve(caller, model=call.model, tokens=guess) or _UNCOUNTED

    def observe(self, served: Served) -> None:
        """Takes note of a call that is over. Fast, and never fails."""
        if self._gate is not None and served.path != _ASKED_ABOUT:
            self._gate.observe(served)
