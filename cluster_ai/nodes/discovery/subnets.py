"""Which addresses may be looked at: those of the networks that this machine's own interfaces are on. Pure."""

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from cluster_ai.nodes.discovery.types import LeftOut

WIDEST: Final = 22
"""Prefix length: of a larger network only the part around this machine is looked at."""
MOST_ADDRESSES: Final = 4096
_CONTAINERS: Final = re.compile(
    r"(docker|br-[0-9a-f]{12}|veth[0-9a-f]|virbr|vnet|cni|flannel|cali|cilium|podman|lxcbr|lxdbr|kube|nerdctl|vmnet|vboxnet)"
)
_TUNNELS: Final = re.compile(r"(tun|tap|wg|tailscale|zt|ppp|utun|ipsec|gre|sit|vti)")
_NARROW: Final = 31
PRIVATE: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""RFC 1918: what a house may use inside. Other special ranges are somebody's public network, or nobody's."""
UNIQUE_LOCAL: Final = IPv6Network("fc00::/7")


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """One that is looked at. ``own`` is this machine's address there."""

    interface: str
    own: IPv4Address
    network: IPv4Network

    def addresses(self) -> Iterator[str]:
        """Every other host of it."""
        return (str(host) for host in self.network.hosts() if host != self.own)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at, what is not and why, and all addresses of this machine."""

    networks: tuple[OwnNetwork, ...]
    left_out: tuple[LeftOut, ...]
    own: frozenset[str]

    def addresses(self) -> list[str]:
        """Each once, and none of this machine."""
        found = (address for one in self.networks for address in one.addresses())
        return [address for address in dict.fromkeys(found) if address not in self.own]


def scope(addresses: Mapping[str, Sequence[Any]], stats: Mapping[str, Any], *, most: int = MOST_ADDRESSES) -> Scope:
    """What ``psutil.net_if_addrs()`` and ``net_if_stats()`` answer, sorted into what may be looked at.

    ``why`` of what may not: ``loopback``, ``down``, ``containers``, ``tunnel``, ``link_local``, ``public``, ``narrow``,
    ``too_wide`` (its own part is looked at) and ``too_many``.
    """
    networks: list[OwnNetwork] = []
    left_out: list[LeftOut] = []
    own: set[str] = set()
    room = most
    for name, found in _interfaces(addresses):
        own.add(str(found.ip))
        is_up = bool(getattr(stats.get(name), "isup", True))
        why = _why_not(name, found, is_up=is_up)
        near = _near(found)
        if not why and any(near.subnet_of(one.network) for one in networks):
            continue
        if not why and near.num_addresses - 2 > room:
            why = "too_many"
        if why:
            left_out.append(LeftOut(interface=name, network=str(found.network), why=why))
            continue
        if near != found.network:
            left_out.append(LeftOut(interface=name, network=str(found.network), why="too_wide"))
        room -= near.num_addresses - 2
        networks.append(OwnNetwork(name, found.ip, near))
    return Scope(tuple(networks), tuple(left_out), frozenset(own | _ipv6(addresses)))


def is_near(address: str) -> bool:
    """Whether an address is one of a house's own, or of this very machine."""
    found = ip_address(address)
    networks = (UNIQUE_LOCAL,) if isinstance(found, IPv6Address) else PRIVATE
    return found.is_loopback or any(found in one for one in networks)


def _interfaces(addresses: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, IPv4Interface]]:
    for name, entries in sorted(addresses.items()):
        for entry in entries:
            if entry.family == socket.AF_INET and entry.address:
                yield name, IPv4Interface(f"{entry.address}/{entry.netmask or 32}")


def _why_not(name: str, found: IPv4Interface, *, is_up: bool) -> str:
    """The first reason; empty when there is none."""
    reasons = (
        ("loopback", found.ip.is_loopback),
        ("down", not is_up),
        ("containers", _CONTAINERS.match(name) is not None),
        ("tunnel", _TUNNELS.match(name) is not None),
        ("link_local", found.ip.is_link_local),
        ("public", not any(_near(found).subnet_of(one) for one in PRIVATE)),
        ("narrow", found.network.prefixlen >= _NARROW),
    )
    return next((why for why, holds in reasons if holds), "")


def _near(found: IPv4Interface) -> IPv4Network:
    """The part of its network that is looked at: never more, and never anything beyond it."""
    if found.network.prefixlen >= WIDEST:
        return found.network
    return IPv4Network((found.ip, WIDEST), strict=False)


def _ipv6(addresses: Mapping[str, Sequence[Any]]) -> set[str]:
    every = (entry for entries in addresses.values() for entry in entries if entry.family == socket.AF_INET6)
    return {entry.address.partition("%")[0] for entry in every}
