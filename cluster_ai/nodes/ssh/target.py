"""Whom to reach by SSH, and through whom. Pure; no text of a person's ever becomes an option or a command."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from cluster_ai.core.addresses import authority
from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.discovery.known_hosts import SSH_PORT

MOST_JUMPS: Final = 8
LAST_PORT: Final = 65_535
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?\Z")
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?\Z")
_WHOLE: Final = re.compile(r"(?:(?P<user>[^@]*)@)?(?P<rest>.*)\Z", re.DOTALL)
_PLACE: Final = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[^:]*))?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Target:
    """A machine as SSH reaches it. Made by ``parse``, or by hand from parts that ``checked`` looks at again."""

    host: str
    user: str
    port: int = SSH_PORT
    jumps: tuple["Target", ...] = ()
    """Gone through in this order."""

    def __post_init__(self) -> None:
        check_host(self.host)
        check_user(self.user)
        if not 0 < self.port <= LAST_PORT:
            raise _wrong(f"{self.port} is no port", "port")
        if len(self.jumps) > MOST_JUMPS:
            raise _wrong(f"more than {MOST_JUMPS} machines to go through", "jump")

    def __str__(self) -> str:
        place = authority(self.host, self.port) if self.port != SSH_PORT else self.host
        return f"{self.user}@{place}"


def parse(text: str, *, user: str, port: int = SSH_PORT, jumps: Sequence[Target] = ()) -> Target:
    """``[user@]host[:port]`` as people write it; an IPv6 address stands in brackets, or alone.

    Raises:
        InvalidInput: it is none: a blank, a leading ``-``, a zone, a quote, anything of a shell's.
    """
    whole = _WHOLE.match(text)
    assert whole is not None, "the pattern takes every text"
    rest = whole["rest"]
    named = user if whole["user"] is None else whole["user"]
    if _is_ipv6(rest):
        return Target(rest, named, port, tuple(jumps))
    place = _PLACE.match(rest)
    if place is None:
        raise _wrong(f"{text[:80]!r} is not a machine's address", "host")
    host = place["host"] if place["six"] is None else place["six"]
    if place["six"] is not None and not _is_ipv6(host):
        raise _wrong(f"{host[:80]!r} is not an IPv6 address", "host")
    return Target(host, named, port if place["port"] is None else _port(place["port"]), tuple(jumps))


def chain(text: str, *, user: str) -> tuple[Target, ...]:
    """Machines to go through, as ``ProxyJump`` has them: with commas between."""
    return tuple(parse(part.strip(), user=user) for part in text.split(",")) if text.strip() else ()


def check_host(host: str) -> None:
    """Lets a DNS name or an IP address pass, and nothing else.

    Raises:
        InvalidInput: it is neither.
    """
    if "%" in host:
        raise _wrong(f"{host[:80]!r} names a zone, which means something on this machine only", "host")
    try:
        ip_address(host)
    except ValueError:
        if not _NAME.match(host):
            raise _wrong(f"{host[:80]!r} is not a host name", "host") from None
        if host.replace(".", "").isdecimal():
            # 127.1, 2130706433: some resolvers take these for an address.
            raise _wrong(f"{host[:80]!r} is not an IP address", "host") from None


def check_user(user: str) -> None:
    """Lets a login name pass.

    Raises:
        InvalidInput: it is none.
    """
    if not _USER.match(user):
        raise _wrong(f"{user[:40]!r} is not a user name", "user")


def _is_ipv6(text: str) -> bool:
    try:
        return isinstance(ip_address(text), IPv6Address)
    except ValueError:
        return False


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) <= LAST_PORT):  # noqa: PLR2004
        raise _wrong(f"{text[:20]!r} is no port", "port")
    return int(text)


def _wrong(message: str, path: str) -> InvalidInput:
    return InvalidInput(message, path=path, hint="user@host, user@host:port or user@[IPv6 address]:port")
