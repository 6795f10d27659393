"""What is done to models that nodes have: into memory and out of it, pinned there, renamed, brought up to date."""

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from cluster_ai.catalog import agreement, tables
from cluster_ai.catalog.given import Given, on_each
from cluster_ai.catalog.places import Nodes, Place
from cluster_ai.catalog.service import Pulls
from cluster_ai.catalog.types import ModelRef, NewPull, Pin, PullView, Update
from cluster_ai.core.clock import Clock
from cluster_ai.core.db import Database
from cluster_ai.core.errors import ClusterError, NotFound

log = structlog.get_logger(__name__)

PIN_SECONDS: Final = 15.0
"""Before a model that did not load is tried again."""
AT_ONCE: Final = 4
"""Questions to a registry side by side."""
Outcomes = dict[str, ClusterError | None]
"""By node; None where it was done."""


class Upkeep:
    """Verbs of models that are there. ``clock`` is monotonic."""

    def __init__(self, database: Database, given: Given, *, clock: Clock) -> None:
        self._database = database
        self.agreement = agreement.Agreement(database, given)
        self._given = given
        self._clock = clock
        self._not_before: dict[tuple[str, str], float] = {}

    @property
    def _nodes(self) -> Nodes:
        return self._given.nodes

    async def load(self, model: str, nodes: Iterable[str] = (), *, keep: bool = False) -> Outcomes:
        """Into the memory of those nodes, or of every node that has it.

        Raises:
            NotFound: no node has it.
        """
        return await on_each(
            self._holders(model, nodes), lambda node: self._nodes.at(node).load(_name(model), keep=keep)
        )

    async def unload(self, model: str, nodes: Iterable[str] = ()) -> Outcomes:
        """Out of memory; whoever uses it now may finish. A pin is taken off. Raises as ``load``."""
        meant = self._holders(model, nodes)
        await self.unpin(model, meant)
        return await on_each(meant, lambda node: self._nodes.at(node).unload(_name(model)))

    async def pin(self, model: str, nodes: Iterable[str] = (), *, by: str) -> Outcomes:
        """Loads it for good; after a restart it is loaded again. Raises as ``load``."""
        meant, now = self._holders(model, nodes), self._given.now()
        async with self._database.transaction() as connection:
            for node in meant:
                await tables.add_pin(connection, Pin(model=_name(model), node=node, by=by, at=now))
        return await self.load(model, meant, keep=True)

    async def unpin(self, model: str, nodes: Iterable[str] = ()) -> tuple[str, ...]:
        """It may leave memory again; the nodes where it was pinned."""
        wanted = set(nodes)
        pinned = [pin.node for pin in await self.pins() if pin.model == _name(model)]
        meant = tuple(node for node in pinned if not wanted or node in wanted)
        async with self._database.transaction() as connection:
            await tables.remove_pins(connection, _name(model), meant)
        return meant

    async def pins(self) -> tuple[Pin, ...]:
        async with self._database.read() as connection:
            return await tables.all_pins(connection)

    async def duplicate(self, model: str, name: str, nodes: Iterable[str] = ()) -> Outcomes:
        """Gives it a second name, on those nodes or on all that have it. Raises as ``load``, and:

        Raises:
            Frozen: a freeze forbids it.
        """
        meant = self._holders(model, nodes)
        await self.agreement.change(name, meant)
        return await on_each(meant, lambda node: self._nodes.at(node).duplicate(_name(model), _name(name)))

    def reclaimable(self, model: str) -> dict[str, int]:
        """Bytes that removing it would give back, for each node that has it."""
        places = [place for place in self._nodes.places() if place.holding(_name(model)) is not None]
        return {place.name: _freed(place, _name(model)) for place in places}

    async def keep_pinned(self) -> None:
        """One round: loads what is pinned, is there and is not in memory."""
        pins = await self.pins()
        places = {place.name: place for place in self._nodes.places()}
        lacking = [pin for pin in pins if _lacks(places.get(pin.node), pin) and self._may_try(pin)]

        async def load(pin: Pin) -> None:
            try:
                await self._nodes.at(pin.node).load(pin.model, keep=True)
            except ClusterError as exc:
                log.warning("pinned model not loaded", model=pin.model, node=pin.node, reason=exc.message)

        await asyncio.gather(*map(load, lacking))

    # -- up to date

    async def updates(self, models: Iterable[str] = ()) -> tuple[Update, ...]:
        """Models of which the registry has another version than a node; those named, or all."""
        wanted = {_name(model).casefold() for model in models}
        held: dict[str, list[tuple[str, str]]] = {}
        for place in self._nodes.places():
            for name, holding in place.models if place.changes else ():
                if not wanted or name.casefold() in wanted:
                    held.setdefault(name, []).append((place.name, holding.digest))
        turns = asyncio.Semaphore(AT_ONCE)

        async def look(name: str) -> Update | None:
            async with turns:
                return await self._update(name, held[name])

        found = await asyncio.gather(*map(look, sorted(held)))
        return tuple(update for update in found if update is not None)

    async def update(self, pulls: Pulls, models: Iterable[str] = (), *, by: str) -> tuple[PullView, ...]:
        """Begins to fetch what is out of date, at the nodes where it is."""
        return tuple(
            [
                await pulls.create(NewPull(model=update.model, nodes=update.nodes), by=by)
                for update in await self.updates(models)
            ]
        )

    # -- inside

    async def _update(self, name: str, held: list[tuple[str, str]]) -> Update | None:
        try:
            known = await self._given.library.manifest(ModelRef.of(name))
        except ClusterError:
            # A model of one's own, or a registry that is away: there is nothing newer to fetch.
            return None
        old = tuple(node for node, digest in held if digest != known.manifest.digest)
        return Update(model=name, digest=known.manifest.digest, size=known.size, nodes=old) if old else None

    def _holders(self, model: str, nodes: Iterable[str]) -> tuple[str, ...]:
        having = [place.name for place in self._nodes.places() if place.holding(_name(model)) is not None]
        wanted = tuple(dict.fromkeys(nodes))
        if lacking := [node for node in wanted if node not in having]:
            raise NotFound(f"{lacking[0]} does not have {model}", values={"about": "model", "name": model})
        if not having:
            raise NotFound(f"no node has {model}", values={"about": "model", "name": model})
        return wanted or tuple(having)

    def _may_try(self, pin: Pin) -> bool:
        key, now = (pin.model, pin.node), self._clock()
        if now < self._not_before.get(key, now):
            return False
        self._not_before[key] = now + PIN_SECONDS
        return True


def _name(model: str) -> str:
    return str(ModelRef.of(model))


def _lacks(place: Place | None, pin: Pin) -> bool:
    held = place.holding(pin.model) if place is not None and place.up else None
    return held is not None and not held.loaded


def _freed(place: Place, model: str) -> int:
    """Bytes that its removal gives back: none where the same files stand under another name."""
    held = place.holding(model)
    if held is None:
        return 0
    others = [other for name, other in place.models if name.casefold() != model.casefold()]
    return 0 if any(other.digest == held.digest for other in others) else held.size
