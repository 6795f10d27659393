"""Machines that the user's own SSH files name: found without asking the network for them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.finds import Hint
from cluster_ai.nodes.discovery.known_hosts import HostKey
from cluster_ai.nodes.discovery.scanning import Scanner
from cluster_ai.nodes.discovery.ssh_config import Named
from cluster_ai.nodes.discovery.telling import Telling
from cluster_ai.nodes.discovery.types import Entry, How, Why, plain

MOST_NAMES: Final = 512
_AT_ONCE: Final = 16


class Namer:
    """Asks for the address of each name, and knocks at its SSH port when that is in a private network."""

    def __init__(self, around: Around, telling: Telling, scanner: Scanner) -> None:
        self._around = around
        self._telling = telling
        self._scanner = scanner
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._done = 0

    async def all(self) -> None:
        """Every entry of ssh_config, then what known_hosts adds to it."""
        known = list(self._around.known.places().items())[:MOST_NAMES]
        named = self._around.named[:MOST_NAMES]
        total = len(known) + len(named)
        async with asyncio.TaskGroup() as group:
            for one in named:
                group.create_task(self._one(partial(self._entry, one), total))
        async with asyncio.TaskGroup() as group:
            for (host, port), keys in known:
                group.create_task(self._one(partial(self._known, host, port, keys), total))

    async def _one(self, work: Callable[[], Awaitable[None]], total: int) -> None:
        async with self._places:
            await work()
        self._done += 1
        self._telling.progress("names", self._done, total)

    async def _entry(self, one: Named) -> None:
        entry = Entry(
            alias=plain(one.alias), user=plain(one.user), port=one.port, jump=plain(one.jump, 300),
            identities=one.identities[:8],
        )  # fmt: skip
        address = "" if one.jump or one.proxy_command else await self._around.address_of(one.host)
        why = self._why_not(one, address)
        self._telling.hint(Hint(How.SSH_CONFIG, address, names=(plain(one.alias, 253),), entry=entry, why_not=why))
        if address and why is None:
            await self._scanner.knock((address, one.port), how=How.SSH_CONFIG)

    async def _known(self, host: str, port: int, keys: Sequence[HostKey]) -> None:
        address = await self._around.address_of(host)
        if address and not self._around.near(address):
            # Code hosts and rented servers stand there, too: nobody means them by "machines of mine on this LAN".
            return
        fingerprints = tuple(dict.fromkeys(key.fingerprint for key in keys))
        why = None if address else Why.NAME_UNKNOWN
        names = (plain(host, 253),)
        self._telling.hint(Hint(How.KNOWN_HOSTS, address, names=names, host_keys=fingerprints, why_not=why))
        if address:
            await self._scanner.knock((address, port), how=How.KNOWN_HOSTS)

    def _why_not(self, one: Named, address: str) -> Why | None:
        if one.proxy_command:
            return Why.PROXY_COMMAND
        if one.jump:
            return None
        if not address:
            return Why.NAME_UNKNOWN
        return None if self._around.near(address) else Why.BEYOND_LAN
