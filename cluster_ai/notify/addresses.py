"""Which addresses a webhook may reach. Pure.

A receiver is named by whoever adds it, and called from inside the network: without a guard that would reach the
machine itself, its neighbours and the metadata service of a cloud (server-side request forgery, CWE-918). So only
global unicast addresses are called, and what an administrator lists by its exact origin.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from yarl import URL

from cluster_ai.notify.types import TargetRefused

PORTS: Final = {"http": 80, "https": 443}
# Labels of a host name (RFC 1123 section 2.1). The last one has a letter first: numbers in all their spellings
# (2130706433, 0x7f.1, 127.1) are addresses to the resolver, and only four plain decimals are one to us.
_NAME: Final = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_PLAIN: Final = re.compile(r"[\x21-\x7e]+")
_HINT: Final = "an administrator can list the receiver's exact origin in notify.allow"

_GLOBAL: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_TEREDO: Final = IPv6Network("2001::/32")


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver whose address was read. ``listed``: an administrator allows this very origin."""

    url: URL
    host: str
    port: int
    listed: bool = False

    @property
    def literal(self) -> bool:
        """Whether the host is an address, not a name."""
        return _address(self.host) is not None


def target_of(text: str, *, allowed: Collection[str] = ()) -> Target:
    """What ``text`` names. Nothing is resolved here.

    Args:
        text: a URL.
        allowed: origins that an administrator lists, as ``origins`` answers them.

    Raises:
        TargetRefused: it is no plain http or https address, or names an address that may not be called.
    """
    # What two parsers could read in two ways is refused: the one that checks and the one that calls must agree.
    if not _PLAIN.fullmatch(text) or "\\" in text:
        raise _malformed("it holds characters that no address has")
    try:
        url = URL(text)
        port = url.port
    except ValueError as exc:
        raise _malformed("it cannot be read") from exc
    host = (url.raw_host or "").lower()
    if url.scheme not in PORTS or not host or port is None or port < 1:
        raise _malformed("it must begin with https:// or http:// and a host")
    if url.user is not None or url.password is not None:
        raise _malformed("it must hold no user or password")
    if "#" in text:
        raise _malformed("it must hold no fragment")
    if _address(host) is None and not _NAME.fullmatch(host):
        raise _malformed("its host is neither a name nor an address in its plain form")
    target = Target(url, host, port, listed=f"{url.scheme}://{_shown(host)}:{port}" in allowed)
    if target.literal and (why := refusal(host, target=target)):
        raise refused(target, why)
    return target


def origins(listed: Collection[str]) -> frozenset[str]:
    """The allow-list, each entry as it is compared.

    Raises:
        ValueError: an entry is not ``scheme://host:port``.
    """
    return frozenset(_origin(text) for text in listed)


def refusal(address: str, *, target: Target) -> str:
    """Why a connection for ``target`` may not go to ``address``; empty when it may.

    For a listed origin private addresses and this machine are open. Link-local ones (where clouds have their metadata)
    stay closed behind a name, which anybody's name server could point there; they must be listed as addresses.
    """
    found = _address(address)
    if found is None:
        return "is not an address"
    found = _unwrapped(found)
    if found.is_multicast or found.is_unspecified:
        return "is nobody's own address"
    if found.is_link_local:
        return "" if target.listed and target.literal else "is link-local"
    if target.listed or _is_open(found):
        return ""
    return "is of this machine" if found.is_loopback else "is not on the open internet"


def refused(target: Target, why: str) -> TargetRefused:
    """The error. It names what was asked for and no address that a name stands for: that would map the network."""
    message = f"{target.host} may not be called: its address {why}"
    return TargetRefused(message, path="url", hint=_HINT, values={"host": target.host})


def _is_open(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _GLOBAL or address in _TEREDO):
        return False
    return address.is_global and not address.is_reserved


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one carries (mapped, NAT64, 6to4); itself when it carries none."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour or address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        # A zone names an interface of this machine: no receiver has one.
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def _origin(text: str) -> str:
    found = re.fullmatch(r"(https?)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", text)
    if found is None:
        raise ValueError(f"{text[:100]!r} is not scheme://host:port")
    host = found[2].strip("[]").lower()
    if not _NAME.fullmatch(host) and _address(host) is None:
        raise ValueError(f"{text[:100]!r} names no host")
    return f"{found[1]}://{_shown(host)}:{int(found[3])}"


def _shown(host: str) -> str:
    address = _address(host)
    return host if address is None else f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004


def _malformed(why: str) -> TargetRefused:
    return TargetRefused(f"the address of the receiver is not right: {why}", path="url", values={"about": "malformed"})
