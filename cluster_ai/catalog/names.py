"""Machines of the cluster are called by the names in their certificates, which no name server knows: here they are."""

import ipaddress
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp.abc import AbstractResolver, ResolveResult


@dataclass(frozen=True, slots=True)
class Door:
    """Where an agent answers. ``addresses`` for a name that only the cluster knows, the best first."""

    url: str
    addresses: tuple[str, ...] = ()


class Names(AbstractResolver):
    """Resolves what ``addresses`` answers and nothing else: no name server hears of these names."""

    def __init__(self, addresses: Callable[[], Mapping[str, tuple[str, ...]]]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        found = [one for one in self._addresses().get(host, ()) if _is_ip(one)]
        if not found:
            raise OSError(None, f"no address is known for {host}")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
