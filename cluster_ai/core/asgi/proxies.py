"""Who calls, where proxies stand between: what they say is believed of those alone that somebody named."""

from collections.abc import Awaitable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import islice
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
MOST_HOPS: Final = 20
"""Whoever stands behind more proxies than that goes by the last one that was looked at."""


class BehindProxies:
    """Puts the real caller's address, and the scheme that the caller used, into the scope.

    Only for connections that come from ``trusted``; whatever anybody else says of a caller is passed on as it came, and
    changes nothing. A request without ``X-Forwarded-For`` is the proxy's own.
    """

    def __init__(self, app: ASGIApp, *, trusted: Iterable[str]) -> None:
        self.app = app
        self.trusted = networks(trusted)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        client = scope.get("client")
        peer = _address(client[0]) if client else None
        if client and peer is not None and scope["type"] in {"http", "websocket"} and _is_in(peer, self.trusted):
            scope = self._seen_through(scope, peer, client[1])
        return self.app(scope, receive, send)

    def _seen_through(self, scope: Scope, peer: Address, port: int) -> Scope:
        said = {name: [value for key, value in scope["headers"] if key == name] for name in (_FOR, _PROTO)}
        caller = caller_of(peer, said[_FOR], self.trusted)
        # The port is the proxy's: of the caller's nobody knows.
        changed = dict(scope)
        changed["client"] = str(caller), port if caller == peer else 0
        if said[_PROTO] == [b"https"]:
            changed["scheme"] = "wss" if scope["type"] == "websocket" else "https"
        return changed


_FOR: Final = b"x-forwarded-for"
_PROTO: Final = b"x-forwarded-proto"


def caller_of(peer: Address, forwarded: Sequence[bytes], trusted: Sequence[Network]) -> Address:
    """The nearest address that is no proxy of ours: beyond it anybody may have written anything. Pure.

    Args:
        peer: the other end of the connection, one of ``trusted``.
        forwarded: values of ``X-Forwarded-For`` in the order of the lines; each proxy adds its peer at the end.
        trusted: networks of proxies.
    """
    hops = [hop for line in forwarded for hop in line.decode("latin-1").split(",")]
    found = peer
    for hop in islice(reversed(hops), MOST_HOPS):
        address = _address(hop)
        # A stranger is not on this machine, whatever a proxy of another one says.
        if address is None or (address.is_loopback and not peer.is_loopback):
            return found
        found = address
        if not _is_in(address, trusted):
            return found
    return found


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks (``10.0.0.5``, ``10.0.0.0/24``, ``fd00::/8``).

    Raises:
        ValueError: one is neither.
    """
    return tuple(ip_network(text.strip(), strict=False) for text in texts)


def _address(text: str) -> Address | None:
    """Without port and brackets; an IPv4 address that came over an IPv6 socket is one of IPv4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _is_in(address: Address, among: Sequence[Network]) -> bool:
    return any(address in network for network in among)
