"""Waking a machine that sleeps: a magic packet, broadcast on the wire that it hangs on.

The packet is AMD's (Magic Packet Technology, publication 20213, 1995): six bytes of ones, then the address sixteen
times. A machine that sleeps has no IP address any more, so that it is sent to all on its network.
"""

import contextlib
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Interface, NetmaskValueError
from typing import Final

import psutil

from cluster_ai.core.errors import InvalidInput, Unavailable
from cluster_ai.nodes.inventory import Network

DISCARD: Final = 9
"""The port that wakers use by habit; nobody need listen there."""
TIMES: Final = 3
"""A broadcast is lost without a word."""
EVERYWHERE: Final = "255.255.255.255"
_MAC: Final = re.compile(r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")
_NOBODY: Final = frozenset({"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"})


class CannotWake(Unavailable):
    """There is no way to tell that machine to wake."""

    code = "cannot_wake"


@dataclass(frozen=True, slots=True)
class Shout:
    """Where a packet goes out (an address of ours; empty: wherever the system likes) and to whom."""

    source: str
    target: str


def magic_packet(mac: str) -> bytes:
    """102 bytes that wake the interface with that address.

    Raises:
        InvalidInput: no interface has such an address.
    """
    mac = mac.lower().replace("-", ":")
    if not _MAC.match(mac) or mac in _NOBODY:
        raise InvalidInput(f"{mac[:32]!r} is no hardware address of a machine", path="mac")
    return b"\xff" * 6 + bytes.fromhex(mac.replace(":", "")) * 16


def shouts(asleep: Iterable[str], ours: Iterable[str]) -> tuple[Shout, ...]:
    """Where to call a machine, from its addresses before it slept and ours, both with their prefix length.

    Only IPv4 has broadcasts. A machine on none of our networks is called on all of them: its address may have changed.
    """
    own = [found for text in ours if (found := _interface(text))]
    theirs = [found for text in asleep if (found := _interface(text))]
    near = [mine for mine in own if any(other.ip in mine.network for other in theirs)]
    calls = [Shout(str(mine.ip), str(mine.network.broadcast_address)) for mine in near or own]
    return tuple(dict.fromkeys(calls)) or (Shout("", EVERYWHERE),)


def _interface(text: str) -> IPv4Interface | None:
    try:
        found = IPv4Interface(text)
    except (AddressValueError, NetmaskValueError, ValueError):
        return None
    # A network of one or two has nobody to shout to.
    return found if found.network.prefixlen <= 30 and not found.is_loopback else None  # noqa: PLR2004


def own_addresses() -> tuple[str, ...]:
    """IPv4 addresses of this machine, with their prefix length."""
    found = [address for each in psutil.net_if_addrs().values() for address in each if address.netmask]
    return tuple(f"{address.address}/{address.netmask}" for address in found if address.family is socket.AF_INET)


def sleepers(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Interfaces that can be woken, those that say so first.

    One that does not may wake all the same: an agent without rights cannot read it everywhere.
    """
    return tuple(sorted((network for network in networks if network.mac), key=lambda network: not network.wakes))


def wake(networks: Iterable[Network], *, ours: Iterable[str], port: int = DISCARD) -> int:
    """Calls a machine by all its interfaces; blocks for milliseconds. Answers how many packets went out.

    Raises:
        CannotWake: no interface of it has an address, or no packet could be sent.
    """
    ours, called = tuple(ours), sleepers(networks)
    if not called:
        raise CannotWake(
            "the machine never told a hardware address by which it can be woken",
            hint="switch it on by hand; wake-on-LAN needs a cable",
        )
    sent, why = 0, ""
    for network in called:
        packet = magic_packet(network.mac)
        for shout in shouts(network.addresses, ours):
            try:
                sent += _send(packet, shout, port)
            except OSError as exc:
                why = exc.strerror or str(exc)
    if not sent:
        raise CannotWake(f"the packet that wakes the machine could not be sent: {why}", hint="is the network up here?")
    return sent


def _send(packet: bytes, shout: Shout, port: int) -> int:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if shout.source:
            # The route to a broadcast address alone would pick one interface of several in the same range.
            sock.bind((shout.source, 0))
        for _ in range(TIMES):
            sock.sendto(packet, (shout.target, port))
    return TIMES
