"""What of this machine's networks somebody wants looked at: never more than those. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.discovery.errors import BeyondOwnNetworks
from cluster_ai.nodes.discovery.subnets import OwnNetwork, Scope


def narrowed(scope: Scope, wanted: Sequence[str]) -> Scope:
    """``scope`` with only the networks that are wanted (``192.168.1.0/24``), or parts of them; all when none is named.

    Raises:
        InvalidInput: that is no network.
        BeyondOwnNetworks: it is not one of this machine's.
    """
    if not wanted:
        return scope
    return replace(scope, networks=tuple(_own(scope, text) for text in dict.fromkeys(wanted)))


def within(scope: Scope, address: str) -> bool:
    """Whether an address lies in a network of ``scope``."""
    try:
        place = IPv4Address(address)
    except ValueError:
        return False
    return any(place in one.network for one in scope.networks)


def checked_hosts(scope: Scope, hosts: Sequence[str]) -> tuple[str, ...]:
    """Each once.

    Raises:
        InvalidInput: that is no IPv4 address.
        BeyondOwnNetworks: it is in none of the networks.
    """
    for text in hosts:
        try:
            IPv4Address(text)
        except ValueError as exc:
            raise InvalidInput(f"{text!r} is no IPv4 address", path="hosts", hint="for example 192.168.1.20") from exc
        if not within(scope, text):
            raise _beyond(scope, text, "hosts")
    return tuple(dict.fromkeys(hosts))


def _own(scope: Scope, text: str) -> OwnNetwork:
    try:
        network = IPv4Network(text)
    except ValueError as exc:
        raise InvalidInput(f"{text!r} is no IPv4 network", path="networks", hint="for example 192.168.1.0/24") from exc
    for one in scope.networks:
        if network.subnet_of(one.network):
            return replace(one, network=network)
    raise _beyond(scope, text, "networks")


def _beyond(scope: Scope, text: str, path: str) -> BeyondOwnNetworks:
    names = ", ".join(str(one.network) for one in scope.networks) or "-"
    return BeyondOwnNetworks(
        f"{text} is in no network that this head is on and may look at",
        path=path,
        hint=f"choose among: {names}",
        values={"what": text, "networks": names},
    )
