"""What is told by multicast DNS, as hints: only of hosts in networks that this machine is on."""

import asyncio
from ipaddress import IPv4Address
from typing import Final

from cluster_ai.core.errors import Unavailable
from cluster_ai.nodes.discovery import mdns
from cluster_ai.nodes.discovery.finds import Hint
from cluster_ai.nodes.discovery.mdns import Heard
from cluster_ai.nodes.discovery.subnets import Scope
from cluster_ai.nodes.discovery.telling import Telling
from cluster_ai.nodes.discovery.types import How, Kind, Service

_KINDS: Final = {mdns.CLUSTER: Kind.CLUSTER_HEAD, mdns.OLLAMA: Kind.OLLAMA, mdns.SSH: Kind.SSH}
_LAST_PORT: Final = 65_535


async def hear(scope: Scope, telling: Telling, *, seconds: float) -> None:
    """Listens for so long; a network without multicast is a problem that is told, and ends nothing else."""

    def told(heard: Heard) -> None:
        for hint in hints(heard, scope):
            telling.hint(hint)

    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(_tick(telling, seconds))
        try:
            await mdns.browse([str(one.own) for one in scope.networks], told, seconds=seconds)
        except Unavailable as exc:
            telling.problem("mdns", exc.message)
        ticking.cancel()
    telling.progress("mdns", round(seconds), round(seconds))


async def _tick(telling: Telling, seconds: float) -> None:
    for second in range(round(seconds)):
        telling.progress("mdns", second, round(seconds))
        await asyncio.sleep(1)


def hints(heard: Heard, scope: Scope) -> tuple[Hint, ...]:
    """One for each address that may be meant: whoever sends multicast can claim any."""
    kind = _KINDS.get(heard.type)
    if kind is None or not 0 < heard.port <= _LAST_PORT:
        return ()
    service = Service(
        port=heard.port, kind=kind, name=heard.name, version=heard.version, cluster=heard.cluster,
        tls=kind is Kind.CLUSTER_HEAD,
    )  # fmt: skip
    near = [one for one in heard.addresses if any(IPv4Address(one) in net.network for net in scope.networks)]
    names = (heard.host,) if heard.host else ()
    return tuple(Hint(How.MDNS, address, names=names, services=(service,)) for address in near)
