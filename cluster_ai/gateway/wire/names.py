"""Where the nodes are: URLs taken apart, and the addresses of their names, remembered for a few seconds."""

import asyncio
import base64
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from cluster_ai.gateway.wire.errors import NoConnection

NAME_SECONDS: Final = 5.0
"""How long the addresses of a name are believed."""
MOST_NAMES: Final = 1024


class Origin(NamedTuple):
    """Where a connection leads to. A tuple: connections are kept by it."""

    host: str
    port: int
    is_tls: bool


@dataclass(frozen=True, slots=True)
class Target:
    """A URL: its connection, and the first lines of a request to it."""

    origin: Origin
    head: str


@lru_cache(maxsize=1024)
def target_of(url: str) -> Target:
    """What a request to ``url`` begins with.

    Raises:
        ValueError: it is no URL of a server.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url} is no http or https URL")
    is_tls = parts.scheme == "https"
    origin = Origin(parts.hostname, parts.port or (443 if is_tls else 80), is_tls)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    rows = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc.rpartition('@')[2]}"]
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        rows.append(f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    # Bytes pass as they are, and we read them: nobody asked the node to pack them.
    rows.append("Accept-Encoding: identity")
    return Target(origin, "\r\n".join(rows) + "\r\n")


@dataclass(slots=True)
class Names:
    """Addresses by host. ``pinned``: those that somebody else keeps up to date, and no name server is asked for."""

    pinned: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _known: dict[str, tuple[float, list[str]]] = field(default_factory=dict)

    async def addresses(self, origin: Origin) -> list[str]:
        """The addresses to try, the best first.

        Raises:
            NoConnection: the name is unknown.
        """
        host = origin.host
        if _is_address(host):
            return [host]
        if pinned := self.pinned.get(host):
            return list(pinned)
        loop = asyncio.get_running_loop()
        until, found = self._known.get(host, (0.0, []))
        if loop.time() < until:
            return found
        try:
            rows = await loop.getaddrinfo(host, origin.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            raise NoConnection(f"the name {host} is not known") from exc
        addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
        if len(self._known) >= MOST_NAMES:
            self._known.clear()
        self._known[host] = (loop.time() + NAME_SECONDS, addresses)
        return addresses

    def answered(self, origin: Origin, address: str) -> None:
        """This one works: it is tried first from now on."""
        _, found = self._known.get(origin.host, (0.0, []))
        if address in found:
            found.remove(address)
            found.insert(0, address)


@lru_cache(maxsize=1024)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
