"""Addresses that tickets name, judged when the tickets come: what would be refused later is refused at once.

Nobody is safer by it: an address is judged again before each call, for what a name stands for can change.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final

from cluster_ai.core.errors import Unavailable
from cluster_ai.notify.addresses import Target
from cluster_ai.notify.guard import Guard, SystemLookup
from cluster_ai.notify.types import TargetRefused

MOST_NAMES: Final = 16
"""Names that are resolved for one caller; beyond that they are judged when they are called."""
PATIENCE: Final = 2.0
"""Seconds that name servers get, for all of them together."""
_MANY: Final = 100
"""Addresses that are read off the loop."""


class Receivers:
    """Says which addresses may not be called."""

    def __init__(self, guard: Guard, *, patience: float = PATIENCE) -> None:
        self._guard = guard
        self._patience = patience

    async def refused(self, urls: Collection[str]) -> Mapping[str, TargetRefused]:
        """By address: why it may not be called. A name that nobody knows today may be known tomorrow."""
        told = await asyncio.to_thread(self._read, urls) if len(urls) > _MANY else self._read(urls)
        places = {url: one for url, one in told.items() if isinstance(one, Target)}
        barred = await self._looked(places.values())
        wrong = {url: one for url, one in told.items() if isinstance(one, TargetRefused)}
        return wrong | {url: barred[_place(one)] for url, one in places.items() if _place(one) in barred}

    def _read(self, urls: Iterable[str]) -> dict[str, Target | TargetRefused]:
        return {url: self._target(url) for url in urls}

    def _target(self, url: str) -> Target | TargetRefused:
        try:
            return self._guard.read(url)
        except TargetRefused as exc:
            return exc

    async def _looked(self, targets: Iterable[Target]) -> dict[str, TargetRefused]:
        """By place: what is wrong with the addresses that names stand for now."""
        named = {_place(target): target for target in targets if not target.literal}
        places = dict(islice(named.items(), MOST_NAMES))
        found = await asyncio.gather(*(self._barred(target) for target in places.values()))
        return {place: error for place, error in zip(places, found, strict=True) if error is not None}

    async def _barred(self, target: Target) -> TargetRefused | None:
        try:
            async with asyncio.timeout(self._patience):
                await self._guard.look(target)
        except TargetRefused as exc:
            return exc
        except (Unavailable, TimeoutError):
            return None
        return None


@asynccontextmanager
async def open_receivers(allowed: Collection[str]) -> AsyncIterator[Receivers]:
    """By this machine's resolver. ``allowed``: the setting, as ``Guard.of`` takes it.

    Raises:
        Misconfigured: an entry is no origin.
    """
    async with SystemLookup() as lookup:
        yield Receivers(Guard.of(allowed, lookup))


def _place(target: Target) -> str:
    return str(target.url.origin())
