"""What somebody asks the head to look at, and the search that it makes of it. Pure."""

from dataclasses import replace
from typing import Annotated, Final

from pydantic import Field

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import StrictModel, Text
from cluster_ai.nodes.discovery import bounds, scan
from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.scanning import Manner
from cluster_ai.nodes.discovery.service import Wish

MOST_NETWORKS: Final = 16
MOST_HOSTS: Final = 4
MOST_PLACES: Final = 16_384
"""Addresses times ports of one long look."""
_LONGEST_LIST: Final = 400

Short = Annotated[Text, Field(min_length=1, max_length=64)]


class SearchOrder(StrictModel):
    """A look around. Empty: all networks that the head is on, at the ports where machines and models usually listen."""

    networks: Annotated[tuple[Short, ...], Field(max_length=MOST_NETWORKS, strict=False)] = ()
    """Only these, or these parts of them: ``192.168.1.0/24``."""
    hosts: Annotated[tuple[Short, ...], Field(max_length=MOST_HOSTS, strict=False)] = ()
    """Only these addresses, instead of networks."""
    deep: bool = False
    """Of ``hosts``: more than 2,500 ports instead of the usual ones."""
    ports: Annotated[Text, Field(max_length=_LONGEST_LIST)] = ""
    """Of ``hosts``: these ports, ``22,8000-8100``."""
    names: bool = True
    """Also what the SSH files of the head's own user name, as far as it lies in these networks."""
    mdns_seconds: Annotated[float, Field(ge=0, le=10)] = 3.0
    """So long is listened to multicast DNS; 0: not at all."""

    def __str__(self) -> str:
        what = ", ".join(self.hosts or self.networks) or "all networks"
        return what + (f" ports {self.ports}" if self.ports else " deep" if self.deep else "")


def planned(order: SearchOrder, around: Around, manner: Manner) -> tuple[Around, Wish]:
    """Where to look and at what: nothing beyond the networks of ``around``, whatever names lead to.

    Raises:
        InvalidInput: it cannot be done so; says which field.
        BeyondOwnNetworks: an address or network is none of this machine's.
    """
    scope = bounds.narrowed(around.scope, order.networks)
    hosts = bounds.checked_hosts(scope, order.hosts)
    here = replace(around, scope=scope, near=lambda address: bounds.within(scope, address))
    ports = _ports(order, hosts)
    wish = Wish(ports=ports, hosts=hosts, names=order.names, mdns_seconds=order.mdns_seconds, manner=manner)
    return here, wish


def _ports(order: SearchOrder, hosts: tuple[str, ...]) -> tuple[int, ...]:
    if not hosts:
        if order.deep or order.ports:
            path = "deep" if order.deep else "ports"
            raise InvalidInput(
                "a network is looked at by its usual ports only", path=path, hint="name the addresses in hosts"
            )
        return scan.USUAL_PORTS
    if order.deep and order.ports:
        raise InvalidInput("deep chooses the ports itself", path="ports", hint="leave one of the two out")
    try:
        ports = scan.ports_of(order.ports) if order.ports else scan.DEEP_PORTS if order.deep else scan.USUAL_PORTS
    except ValueError as exc:
        raise InvalidInput(f"{exc} is no list of ports", path="ports", hint="for example 22,8000-8100") from exc
    if len(ports) * len(hosts) > MOST_PLACES:
        raise InvalidInput(
            f"that is more than {MOST_PLACES} ports in all", path="ports", hint="name fewer ports, or fewer hosts"
        )
    return ports
