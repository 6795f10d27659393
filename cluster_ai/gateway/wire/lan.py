"""How the machines of the cluster are reached: by names that no name server knows, under the cluster's own TLS."""

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver


@dataclass(frozen=True, slots=True)
class Lan:
    """``addresses``: of machines by the name in their certificate, the best first; kept up to date by its owner.

    ``tls``: knows the cluster's CA beside those of the system, and shows our certificate; None: the system's own.
    """

    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None


class LanResolver(AbstractResolver):
    """The same names for the general HTTP client; others are the system's to know."""

    def __init__(self, lan: Lan) -> None:
        self._lan = lan
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises ``OSError`` for a name that nobody knows."""
        if addresses := self._lan.addresses.get(host):
            return [_found(host, address, port) for address in addresses]
        return await self._system.resolve(host, port, family)

    async def close(self) -> None:
        await self._system.close()


def _found(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags: Any = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)
