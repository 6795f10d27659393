"""The scan: first who is there at all, then what those serve. Only addresses that it is given."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cluster_ai.nodes.discovery import looks, scan
from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.finds import Hint, hints_of_neighbours
from cluster_ai.nodes.discovery.known_hosts import SSH_PORT
from cluster_ai.nodes.discovery.scan import Limits, Place, State
from cluster_ai.nodes.discovery.telling import Telling
from cluster_ai.nodes.discovery.types import How, Kind

LOOKS_AT_ONCE: Final = 16
_TELL_EVERY: Final = 32

HostKey = Callable[[str, int], Awaitable[str]]
"""The fingerprint that the SSH server at an address and port shows; empty when it shows none."""


async def no_key(_address: str, _port: int) -> str:
    """Host keys are not asked for."""
    return ""


@dataclass(frozen=True, slots=True)
class Manner:
    """How one looks."""

    limits: Limits = scan.USUAL
    patience: looks.Patience = looks.USUAL
    host_key: HostKey = no_key


USUAL: Final = Manner()


class Scanner:
    """One scan. Every open port is looked at once, a few at a time, while the scan goes on."""

    def __init__(self, around: Around, telling: Telling, manner: Manner) -> None:
        self._around = around
        self._telling = telling
        self._manner = manner
        self._looking = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._seen: set[Place] = set()
        self._names: dict[str, str] = {}

    async def networks(self, ports: Sequence[int]) -> None:
        """Every address of this machine's own networks."""
        addresses = self._around.scope.addresses()
        there = await self._knock(scan.in_no_order(addresses, [SSH_PORT], self._around.rng), stage="alive")
        table = await asyncio.to_thread(self._around.neighbours)
        if table is None:
            # Nobody knows who is there: all are asked.
            there = set(addresses)
        else:
            for hint in hints_of_neighbours(table, frozenset(addresses)):
                self._telling.hint(hint)
                there.add(hint.address)
        await self.hosts(sorted(there), [port for port in ports if port != SSH_PORT])

    async def hosts(self, addresses: Sequence[str], ports: Sequence[int]) -> None:
        """Those ports of those hosts."""
        await self._knock(scan.in_no_order(addresses, ports, self._around.rng), stage="ports")

    async def look(self, place: Place, *, how: How = How.SCAN) -> None:
        """What an open port serves; told."""
        address, port = place
        if place in self._seen:
            # Found a second time, by another way.
            self._telling.hint(Hint(how, address))
            return
        self._seen.add(place)
        async with self._looking:
            service = await looks.look(address, port, self._manner.patience)
            key = await self._manner.host_key(address, port) if service.kind is Kind.SSH else ""
            name = await self._name_of(address)
        names = (name,) if name else ()
        keys = (key,) if key else ()
        self._telling.hint(Hint(how, address, names=names, services=(service,), host_keys=keys))

    async def knock(self, place: Place, *, how: How) -> None:
        """Looks at one place if it is open."""
        if await scan.knock(place, self._manner.limits.seconds) is State.OPEN:
            await self.look(place, how=how)

    async def _name_of(self, address: str) -> str:
        if address not in self._names:
            self._names[address] = ""
            self._names[address] = await self._around.name_of(address)
        return self._names[address]

    async def _knock(self, places: Sequence[Place], *, stage: str) -> set[str]:
        """Knocks at all of them; answers who is there."""
        there: set[str] = set()
        done = 0
        async with asyncio.TaskGroup() as group:

            def told(place: Place, state: State) -> None:
                nonlocal done
                done += 1
                if state is not State.SILENT:
                    there.add(place[0])
                if state is State.OPEN:
                    group.create_task(self.look(place))
                if done % _TELL_EVERY == 0 or done == len(places):
                    self._telling.progress(stage, done, len(places))

            await scan.sweep(places, told, self._manner.limits)
        return there
