"""One request to change models: who asks, where they want it, and who does it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from backend.gateway.answers import Asked
from backend.gateway.frozen import refuse_frozen
from cluster_ai.gateway.managing.asks import Ask, Verb, read_ask, wanted_nodes
from cluster_ai.gateway.managing.targets import Plan
from cluster_ai.gateway.managing.upkeep import Upkeep
from cluster_ai.gateway.room import Room
from cluster_ai.keys.rights import demand_model, demand_scope
from cluster_ai.keys.types import MANAGE, Caller

log = structlog.get_logger(__name__)

CallerOf = Callable[[Asked], Caller]
"""Who asks; it raises what refuses them."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a caller who may change models."""

    asked: Asked
    caller: Caller
    upkeep: Upkeep
    notice: Path | None = None
    """The file that says what is frozen."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """The nodes that the client chose; empty when it leaves that to us."""
        return wanted_nodes(self.asked.header(b"x-cluster-node"))

    @property
    def client(self) -> str:
        """Who sends the parts of one model: a key, or an address."""
        peer = self.asked.scope.get("client")
        return self.caller.key_id or (str(peer[0]) if peer else "")

    async def planned(self, verb: Verb) -> tuple[Ask, Plan]:
        """What the body asks for, and where it goes.

        Raises:
            ClusterError: it is no request, it is not allowed, or nobody can do it.
        """
        ask = read_ask(verb, await self.asked.body())
        for name in filter(None, (ask.model, ask.source)):
            demand_model(self.caller, name)
        if self.notice is not None and ask.verb is not Verb.PUSH:
            await asyncio.to_thread(refuse_frozen, self.notice, ask.model, self.wanted)
        plan = await self.upkeep.plan(ask, self.wanted, client=self.client)
        who = self.caller.name
        log.info("models are to change", verb=ask.verb.value, model=ask.model, nodes=plan.nodes, caller=who)
        return ask, plan


Work = Callable[[Visit], Awaitable[None]]


class Keeper:
    """Has the one ``Upkeep`` of a room, and lets those in who may use it."""

    def __init__(self, caller_of: CallerOf, notice: Path | None = None) -> None:
        self._caller_of = caller_of
        self._notice = notice
        self._room: Room | None = None
        self._upkeep: Upkeep | None = None

    def door(self, work: Work) -> Callable[[Asked, Room], Awaitable[None]]:
        async def door(asked: Asked, room: Room) -> None:
            # Before the body is read: a blob has gigabytes.
            caller = self._caller_of(asked)
            demand_scope(caller, MANAGE)
            await work(Visit(asked, caller, self._of(room), self._notice))

        return door

    def _of(self, room: Room) -> Upkeep:
        if self._upkeep is None or self._room is not room:
            self._room = room
            self._upkeep = Upkeep(room.means.pool, room.means.session, room.means.settings, clock=room.means.clock)
        return self._upkeep
