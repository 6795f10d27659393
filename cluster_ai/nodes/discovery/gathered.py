"""What a search has told so far: each machine once, and how far it is. Pure."""

from collections.abc import Iterable
from ipaddress import ip_address

from cluster_ai.nodes.discovery.finds import Members
from cluster_ai.nodes.discovery.types import Ended, Event, Found, Progress
from cluster_ai.nodes.views import MachineView

__all__ = ["Gathered", "Members", "members_of"]


class Gathered:
    """Owns the records of one listener."""

    def __init__(self) -> None:
        self.stages: dict[str, Progress] = {}
        self.ended: Ended | None = None
        self._records: dict[str, Found] = {}

    def take(self, event: Event) -> None:
        match event:
            case Found():
                self._records[event.id] = event
            case Progress():
                self.stages[event.stage] = event
            case Ended():
                self.ended = event

    def found(self) -> tuple[Found, ...]:
        """In the order of addresses, without those that turned out to be another address of one that is there."""
        others = {address for one in self._records.values() for address in one.others}
        found = [one for one in self._records.values() if one.address not in others or not one.address]
        return tuple(sorted(found, key=_order))


def _order(one: Found) -> tuple[bool, int, bytes]:
    if not one.address:
        return True, 0, b""
    address = ip_address(one.address)
    return False, address.version, address.packed


def members_of(machines: Iterable[MachineView]) -> Members:
    """Who is in the cluster already."""
    known = tuple(machines)
    return Members(
        addresses=frozenset(address for one in known for address in one.addresses),
        names=frozenset(name.lower() for one in known for name in (one.name, one.inventory.hostname) if name),
    )
