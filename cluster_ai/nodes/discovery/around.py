"""What this machine knows of its surroundings before it looks: its interfaces, the user's SSH files, its neighbours."""

import asyncio
import glob
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Final

import psutil

from cluster_ai.nodes.discovery import known_hosts, neighbours, ssh_config, subnets
from cluster_ai.nodes.discovery.finds import Members
from cluster_ai.nodes.discovery.known_hosts import Known
from cluster_ai.nodes.discovery.ssh_config import Named
from cluster_ai.nodes.discovery.subnets import Scope

LARGEST_FILE: Final = 4 * 2**20
MOST_FILES: Final = 64
SYSTEM_FILES: Final = (Path("/etc/ssh/ssh_known_hosts"),)
NOBODY: Final = Known()
_SECONDS: Final = 2.0

Resolve = Callable[[str], Awaitable[str]]


async def address_of(name: str) -> str:
    """The IPv4 address of a name; empty when there is none in time."""
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    try:
        async with asyncio.timeout(_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(name, None, family=socket.AF_INET)
    except (OSError, UnicodeError):
        return ""
    return str(found[0][4][0]) if found else ""


async def name_of(address: str) -> str:
    """The name that the network's own DNS has for an address; empty when there is none in time."""
    try:
        async with asyncio.timeout(_SECONDS):
            name, _ = await asyncio.get_running_loop().getnameinfo((address, 0), socket.NI_NAMEREQD)
    except (OSError, UnicodeError):
        return ""
    return name


@dataclass(frozen=True, slots=True)
class Around:
    """Where a search begins. ``address_of`` answers an IPv4 address, ``name_of`` a name, each empty when unknown."""

    scope: Scope
    members: Members
    rng: Random
    named: tuple[Named, ...] = ()
    known: Known = NOBODY
    neighbours: Callable[[], Mapping[str, str] | None] = neighbours.read
    near: Callable[[str], bool] = subnets.is_near
    """Whether an address that a name led to may be looked at."""
    address_of: Resolve = address_of
    name_of: Resolve = name_of


def here(user_home: Path, members: Members, rng: Random) -> Around:
    """All of it, as it is now. Reads files and asks the kernel."""
    scope = subnets.scope(psutil.net_if_addrs(), psutil.net_if_stats())
    folder = user_home / ".ssh"
    files = (folder / "known_hosts", folder / "known_hosts2", *SYSTEM_FILES)
    return Around(
        scope=scope,
        members=Members(members.own | scope.own, members.addresses, members.names),
        rng=rng,
        named=named_machines(user_home),
        known=known_hosts.joined(known_hosts.parse(_text(path)) for path in files),
    )


def named_machines(user_home: Path) -> tuple[Named, ...]:
    """What the user's SSH settings name. Reads files."""
    folder = user_home / ".ssh"
    return ssh_config.machines(_text(folder / "config"), lambda pattern: _included(folder, pattern))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE).decode("utf-8", "replace")
    except OSError:
        return ""


def _included(folder: Path, pattern: str) -> Sequence[str]:
    """As ssh finds them: from the user's home, or from ``~/.ssh``."""
    path = Path(pattern.replace("~", str(folder.parent), 1) if pattern.startswith("~/") else pattern)
    whole = path if path.is_absolute() else folder / path
    # Not Path.glob: the pattern may be absolute.
    return [_text(Path(found)) for found in sorted(glob.glob(str(whole)))[:MOST_FILES]]  # noqa: PTH207
