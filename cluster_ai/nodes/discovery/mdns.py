"""Multicast DNS: a cluster tells the LAN that it is there, and hears who else says something of the kind.

What is told is no secret, and what is heard is believed by nobody: who joins compares the CA's fingerprint with that of
the join line.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from zeroconf import Error as ZeroconfError
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from cluster_ai.core.errors import Unavailable
from cluster_ai.nodes.discovery.types import plain

CLUSTER: Final = "_cluster-ai._tcp.local."
OLLAMA: Final = "_ollama._tcp.local."
SSH: Final = "_ssh._tcp.local."
TYPES: Final = (CLUSTER, OLLAMA, SSH)
MOST_HEARD: Final = 256
_ANSWER_MS: Final = 1500
_LABEL: Final = re.compile(r"[^A-Za-z0-9 _-]")
_ERRORS: Final = (OSError, ZeroconfError)


@dataclass(frozen=True, slots=True)
class Card:
    """What a head tells of itself. ``fingerprint``: SHA-256 of its CA's certificate, hex."""

    name: str
    port: int
    """Of the machines' door."""
    cluster: str
    fingerprint: str
    version: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What somebody tells of a service; ``type`` is one of ``TYPES``."""

    type: str
    name: str
    host: str
    port: int
    addresses: tuple[str, ...]
    cluster: str = ""
    fingerprint: str = ""
    version: str = ""


@asynccontextmanager
async def announced(card: Card, interfaces: Sequence[str]) -> AsyncIterator[None]:
    """Tells it on the networks of these addresses of ours as long as the block lasts, and takes it back then.

    Raises:
        Unavailable: multicast cannot be sent there.
    """
    name = _LABEL.sub("-", card.name)[:40] or "cluster"
    properties = {"cluster": card.cluster, "ca": card.fingerprint, "version": card.version}
    info = AsyncServiceInfo(
        CLUSTER,
        f"{name}.{CLUSTER}",
        port=card.port,
        properties=properties,
        addresses=[IPv4Address(one).packed for one in interfaces],
        server=f"{name.replace(' ', '-')}.local.",
    )
    async with _open(interfaces) as speaker:
        try:
            # Two heads of one name are two clusters: the second is told with a number.
            await (await speaker.async_register_service(info, allow_name_change=True))
        except _ERRORS as exc:
            raise _mute(exc) from exc
        try:
            yield
        finally:
            with suppress(*_ERRORS):
                await (await speaker.async_unregister_service(info))


async def browse(
    interfaces: Sequence[str], told: Callable[[Heard], None], *, seconds: float, types: Sequence[str] = TYPES
) -> None:
    """Listens for so long on the networks of these addresses of ours.

    Raises:
        Unavailable: multicast cannot be used there.
    """
    names: asyncio.Queue[tuple[str, str]] = asyncio.Queue(MOST_HEARD)

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        del zeroconf
        if state_change is ServiceStateChange.Added and not names.full():
            names.put_nowait((service_type, name))

    async with _open(interfaces) as listener:
        browser = AsyncServiceBrowser(listener.zeroconf, list(types), handlers=[changed])
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                    for _ in range(MOST_HEARD):
                        group.create_task(_ask(listener.zeroconf, *await names.get(), told))
        finally:
            await browser.async_cancel()


async def _ask(zeroconf: Zeroconf, service_type: str, name: str, told: Callable[[Heard], None]) -> None:
    info = AsyncServiceInfo(service_type, name)
    with suppress(*_ERRORS):
        if await info.async_request(zeroconf, _ANSWER_MS):
            told(_heard(info))


def _heard(info: AsyncServiceInfo) -> Heard:
    said = info.decoded_properties
    return Heard(
        type=info.type,
        name=plain(info.name.removesuffix(f".{info.type}")),
        host=plain((info.server or "").rstrip("."), 253),
        port=info.port or 0,
        addresses=tuple(info.parsed_addresses(IPVersion.V4Only)[:16]),
        cluster=plain(said.get("cluster") or ""),
        fingerprint=plain(said.get("ca") or ""),
        version=plain(said.get("version") or ""),
    )


@asynccontextmanager
async def _open(interfaces: Sequence[str]) -> AsyncIterator[AsyncZeroconf]:
    if not interfaces:
        raise Unavailable("no network of this machine is one to speak on")
    try:
        opened = AsyncZeroconf(interfaces=list(interfaces), ip_version=IPVersion.V4Only)
    except _ERRORS as exc:
        raise _mute(exc) from exc
    try:
        yield opened
    finally:
        await opened.async_close()


def _mute(exc: Exception) -> Unavailable:
    return Unavailable(f"multicast DNS cannot be used here: {exc}")
