"""Networks of loopback addresses to look around in: real sockets, and nothing of the box's own networks is touched."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from random import Random

from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.finds import Members
from cluster_ai.nodes.discovery.scan import Limits
from cluster_ai.nodes.discovery.subnets import OwnNetwork, Scope

SMALL = "127.9.8.0/28"
"""Fourteen addresses."""
PATIENT = Limits(at_once=16, seconds=2.0)


def network(text: str, own: str) -> OwnNetwork:
    return OwnNetwork("test0", IPv4Address(own), IPv4Network(text))


def loopback(*networks: OwnNetwork) -> Scope:
    return Scope(networks, (), frozenset(str(one.own) for one in networks))


async def unnamed(_address: str) -> str:
    return ""


def nobody() -> Mapping[str, str]:
    return {}


def around(scope: Scope, **more: object) -> Around:
    return Around(scope, Members(), Random(7), neighbours=nobody, name_of=unnamed, **more)  # type: ignore[arg-type]


HOUSE = loopback(network(SMALL, "127.9.8.1"))
HERE = loopback(network("127.0.0.0/30", "127.0.0.2"))
"""127.0.0.1 and nobody else."""
