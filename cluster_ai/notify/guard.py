"""Connections that go only where they may: a name is resolved once, and the address that was checked is called."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Self

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from cluster_ai.core.connectors import ENDS_WITH_ITS_SESSION
from cluster_ai.core.errors import Misconfigured, Unavailable
from cluster_ai.notify.addresses import Target, origins, refusal, refused, target_of

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, with a port.

Raises:
    OSError: it has none.
"""
RESOLVE_SECONDS: Final = 5.0
THREADS: Final = 8


class Barred(OSError):
    """The address behind a name may not be called. An ``OSError``, as whatever else keeps one from connecting."""


class SystemLookup:
    """What this machine's resolver answers. A context manager.

    It has threads of its own, and asks for each name once at a time: a name server that is silent holds up nobody who
    asks for another name, nor what else runs in threads of this process.
    """

    def __init__(self, *, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook names")
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        found = self._asked.get((host, port))
        if found is None:
            found = asyncio.get_running_loop().run_in_executor(self._pool, _addresses, host, port)
            self._asked[host, port] = found
            found.add_done_callback(lambda done: self._answered(host, port, done))
        # Who stops waiting must not end it for the others.
        return await asyncio.shield(found)

    def _answered(self, host: str, port: int, done: "asyncio.Future[Sequence[str]]") -> None:
        self._asked.pop((host, port), None)
        if not done.cancelled():
            # Seen: everybody may have stopped waiting.
            done.exception()


def _addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


@dataclass(frozen=True, slots=True)
class Guard:
    """``allowed``: origins that an administrator lists, as ``addresses.origins`` answers them."""

    allowed: frozenset[str]
    lookup: Lookup

    @classmethod
    def of(cls, listed: Collection[str], lookup: Lookup) -> Self:
        """``listed``: the setting, each entry ``scheme://host:port``.

        Raises:
            Misconfigured: an entry is something else.
        """
        try:
            return cls(origins(listed), lookup)
        except ValueError as exc:
            raise Misconfigured(f"notify.allow is wrong: {exc}", hint="write each as scheme://host:port") from exc

    def read(self, url: str) -> Target:
        """The receiver that ``url`` names; nothing is resolved.

        Raises:
            TargetRefused: as ``target_of``.
        """
        return target_of(url, allowed=self.allowed)

    async def look(self, target: Target) -> None:
        """Tells early what a connection would be refused for.

        Raises:
            TargetRefused: its name stands for an address that may not be called.
            Unavailable: its name cannot be resolved now.
        """
        if target.literal:
            return
        try:
            found = await self._resolved(target)
        except OSError as exc:
            raise Unavailable(f"{target.host} cannot be resolved: {_said(exc)}") from exc
        for address in found:
            if why := refusal(address, target=target):
                raise refused(target, why)

    def connector(self, target: Target) -> TCPConnector:
        """For one call of ``target``. Its errors are ``OSError``s, ``Barred`` among them.

        A connector of its own for each call, so that nothing that was checked for one receiver serves another.
        """
        return TCPConnector(
            limit=1,
            force_close=True,
            use_dns_cache=False,
            enable_cleanup_closed=ENDS_WITH_ITS_SESSION,
            resolver=_Checked(self, target),
            socket_factory=lambda info: _socket(info, target),
        )

    async def checked(self, target: Target) -> Sequence[str]:
        """The addresses to connect to.

        Raises:
            Barred: one of those that its name stands for may not be called: a name that mixes them is up to something.
            OSError: it has none.
        """
        found = await self._resolved(target)
        for address in found:
            if why := refusal(address, target=target):
                raise Barred(f"{target.host} may not be called: its address {why}")
        return found

    async def _resolved(self, target: Target) -> Sequence[str]:
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await self.lookup(target.host, target.port)
        except TimeoutError as exc:
            raise OSError(f"the name {target.host} was not resolved in time") from exc
        if not found:
            raise OSError(f"the name {target.host} has no address")
        return found


class _Checked(AbstractResolver):
    """Answers checked addresses as addresses: nothing behind it resolves them again."""

    def __init__(self, guard: Guard, target: Target) -> None:
        self._guard = guard
        self._target = target

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the library's signature
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await self._guard.checked(self._target)
        ]

    async def close(self) -> None:
        """Nothing is held open."""


def _socket(info: Any, target: Target) -> socket.socket:
    """The last look: whatever came before, no socket is made for an address that may not be called."""
    family, kind, proto, _, address = info
    if why := refusal(str(address[0]), target=target):
        raise Barred(f"{target.host} may not be called: its address {why}")
    return socket.socket(family, kind, proto)


def _said(exc: OSError) -> str:
    return (exc.strerror or str(exc))[:200]
