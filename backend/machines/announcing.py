"""The LAN is told that there is a cluster here, as long as a block runs. Who cannot be heard is no less a head."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import AddressValueError, IPv4Address

import structlog

from cluster_ai import __version__
from cluster_ai.core.errors import Unavailable
from cluster_ai.nodes.discovery.mdns import Card, announced
from cluster_ai.pki.authority import Authority
from cluster_ai.settings import Settings

log = structlog.get_logger(__name__)


@asynccontextmanager
async def told_to_lan(authority: Authority, settings: Settings) -> AsyncIterator[None]:
    """Announces on the network of the head's address; nothing on loopback, nor for a name or an IPv6 address."""
    address, port = settings.machines.bind or "", settings.effective_ports.machines
    card = Card(settings.name, port, authority.cluster_id, authority.fingerprint, __version__)
    async with AsyncExitStack() as stack:
        if settings.machines.announce and _is_in_lan(address):
            try:
                await stack.enter_async_context(announced(card, (address,)))
            except Unavailable as exc:
                log.warning("the LAN is not told of this cluster", reason=exc.message)
        yield


def _is_in_lan(address: str) -> bool:
    try:
        return not IPv4Address(address).is_loopback
    except AddressValueError:
        return False
