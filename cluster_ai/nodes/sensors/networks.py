"""Interfaces that lead out of the machine, and whether a magic packet would wake it there."""

import contextlib
import ctypes
import fcntl
import re
import socket
from collections.abc import Callable, Mapping
from ipaddress import ip_interface
from typing import ClassVar, Final

import psutil

from cluster_ai.nodes.inventory import MOST_NETWORKS, Network
from cluster_ai.nodes.sensors.tree import Tree

NET: Final = "/sys/class/net"
ETHERNET: Final = 1
"""ARPHRD_ETHER: what has a hardware address that can be woken."""
INNER: Final = re.compile(
    r"lo|docker.*|podman.*|br-[0-9a-f]{12}|virbr.*|lxcbr.*|lxdbr.*|incusbr.*|cni.*|flannel.*|cali.*|kube-.*|nodelocaldns"
    r"|veth.*|vnet[0-9]+|ve-.*|vb-.*|vz-.*|ifb[0-9]+|dummy[0-9]+|bonding_masters"
)
"""Names that container and machine programs give to what stays inside."""
_MAC: Final = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_SIOCETHTOOL: Final = 0x8946
_GET_WAKE: Final = 0x5
_WAKE_MAGIC: Final = 1 << 5
_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})

Addresses = Callable[[], Mapping[str, tuple[str, ...]]]
Wakes = Callable[[str], bool | None]


def networks(tree: Tree, *, addresses: Addresses, wakes: Wakes) -> tuple[Network, ...]:
    """Those with an address, and hardware without one. ``wakes`` may not know."""
    known = addresses()
    found = []
    for name in tree.names(NET):
        own = known.get(name, ())
        if INNER.fullmatch(name) or not (own or tree.exists(f"{NET}/{name}/device")):
            continue
        found.append(_network(tree, name, own, wakes))
    # Those by which others reach us first.
    return tuple(sorted(found, key=lambda network: not network.addresses)[:MOST_NETWORKS])


def _network(tree: Tree, name: str, own: tuple[str, ...], wakes: Wakes) -> Network:
    mac = (tree.text(f"{NET}/{name}/address") or "").lower()
    has_mac = tree.number(f"{NET}/{name}/type") == ETHERNET and _MAC.fullmatch(mac) and mac != "00:00:00:00:00:00"
    return Network(
        name=name[:256],
        mac=mac if has_mac else "",
        addresses=own[:64],
        wakes=bool(has_mac) and _wakes(tree, name, wakes),
    )


def _wakes(tree: Tree, name: str, wakes: Wakes) -> bool:
    """As the driver tells those who may ask; others see whether the device may wake the machine by anything."""
    told = wakes(name)
    return tree.text(f"{NET}/{name}/device/power/wakeup") == "enabled" if told is None else told


class _Wake(ctypes.Structure):
    """struct ethtool_wolinfo"""

    _fields_: ClassVar = [
        ("command", ctypes.c_uint32),
        ("supported", ctypes.c_uint32),
        ("options", ctypes.c_uint32),
        ("password", ctypes.c_uint8 * 6),
    ]


class _Request(ctypes.Structure):
    """struct ifreq"""

    _fields_: ClassVar = [("name", ctypes.c_char * 16), ("data", ctypes.c_void_p), ("rest", ctypes.c_char * 16)]


def wakes_by_magic(name: str) -> bool | None:
    """ETHTOOL_GWOL (linux/ethtool.h); None without the right to ask (CAP_NET_ADMIN), or when the driver cannot say."""
    told = _Wake(command=_GET_WAKE)
    request = _Request(name.encode()[:15], ctypes.addressof(told))
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        try:
            fcntl.ioctl(sock.fileno(), _SIOCETHTOOL, request)
        except OSError:
            return None
    return bool(told.options & _WAKE_MAGIC)


def own_addresses() -> dict[str, tuple[str, ...]]:
    """By interface, with prefix length; none that only this machine or this wire knows."""
    found: dict[str, tuple[str, ...]] = {}
    for name, told in psutil.net_if_addrs().items():
        texts = [_with_prefix(each.address, each.netmask) for each in told if each.family in _INTERNET]
        found[name] = tuple(text for text in texts if text)
    return found


def _with_prefix(address: str, netmask: str | None) -> str:
    try:
        bits = int.from_bytes(socket.inet_pton(_family(netmask), netmask)).bit_count() if netmask else None
        plain = address.partition("%")[0]
        found = ip_interface(plain if bits is None else f"{plain}/{bits}")
    except (OSError, ValueError):
        return ""
    return "" if found.is_loopback or found.is_link_local else found.with_prefixlen


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
