"""Found services that somebody took into the registry: they do not beat, so the head looks whether they answer.

An instance of them lives as long as its service answers as what it was taken for; when it comes back after the registry
has forgotten it, it is registered again. Who ends the instance in the registry ends the looking, too.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import structlog

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.loops import every
from cluster_ai.nodes.discovery import looks, scan
from cluster_ai.nodes.discovery.errors import TooManyTaken
from cluster_ai.nodes.discovery.taking import LEASE, Taken, capabilities
from cluster_ai.nodes.discovery.types import Service
from cluster_ai.registry.service import Claim, Registry
from cluster_ai.registry.types import Instance, NotYours, Renewal, UnknownInstance

SECONDS: Final = LEASE / 4
MOST_TAKEN: Final = 256
_AT_ONCE: Final = 8
_FORGOTTEN: Final = 5 * LEASE
"""Seconds of silence after which the registry removes such an instance; who is gone sooner was ended by somebody."""

log = structlog.get_logger(__name__)


class Keeper:
    """Owns what was taken. ``clock`` is monotonic."""

    def __init__(self, registry: Registry, *, clock: Callable[[], float]) -> None:
        self._registry = registry
        self._clock = clock
        self._taken: dict[str, Taken] = {}
        self._signs: dict[str, float] = {}
        """When each was last known to live."""
        self._looking = asyncio.Semaphore(_AT_ONCE)

    def ids(self) -> frozenset[str]:
        """Of all that is looked after."""
        return frozenset(self._taken)

    def take(self, one: Taken, *, over_all: bool = False) -> Instance:
        """Registers it, and looks after it from now on.

        Raises:
            TooManyTaken: as many are as may be.
            IdTaken: somebody else took that one.
            RegistryFull: the registry holds no more.
        """
        if one.id not in self._taken and len(self._taken) >= MOST_TAKEN:
            raise TooManyTaken(
                f"{MOST_TAKEN} found services are looked after already", hint="end some: cluster-ai svc rm ID"
            )
        instance = self._registry.register(one.registration(), Claim(one.owner, over_all=over_all))
        self._taken[one.id] = one
        self._signs[one.id] = self._clock()
        return instance

    async def tick(self) -> None:
        """Looks at each once."""
        async with asyncio.TaskGroup() as group:
            for one in tuple(self._taken.values()):
                group.create_task(self._look(one))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Keeper"]:
        """They are looked at as long as the block lasts."""
        loop = asyncio.create_task(every(SECONDS, self.tick, name="found services"))
        try:
            yield self
        finally:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop

    async def _look(self, one: Taken) -> None:
        place = (one.address, one.service.port)
        async with self._looking:
            is_open = await scan.knock(place, looks.USUAL.question) is scan.State.OPEN
            service = await looks.look(*place) if is_open else None
        with self._unless_over(one):
            if service is None:
                self._registry.get(one.id)
            else:
                self._heard(one, service)

    def _heard(self, one: Taken, service: Service) -> None:
        claim = Claim(one.owner, over_all=True)
        said = Renewal(well=False)
        if service.kind is one.service.kind:
            said = Renewal(version=service.version, capabilities=capabilities(service))
        try:
            self._registry.renew(one.id, said, claim)
        except UnknownInstance:
            if not self._was_silent(one):
                raise
            self._registry.register(one.registration(), claim)
        self._signs[one.id] = self._clock()

    @contextmanager
    def _unless_over(self, one: Taken) -> Iterator[None]:
        try:
            yield
        except UnknownInstance:
            if not self._was_silent(one):
                self._drop(one)
        except NotYours:
            self._drop(one)
        except ClusterError as exc:
            # The registry is full: the next look may find room.
            log.warning("a found service could not be registered again", id=one.id, reason=exc.message)

    def _was_silent(self, one: Taken) -> bool:
        return self._clock() - self._signs[one.id] >= _FORGOTTEN

    def _drop(self, one: Taken) -> None:
        self._taken.pop(one.id, None)
        self._signs.pop(one.id, None)
