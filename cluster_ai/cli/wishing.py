"""What a search is to look at, as it was said on the command line."""

from typing import TYPE_CHECKING, Final

from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster_ai.nodes.discovery.service import Wish

MOST_HOSTS: Final = 16


def wish_of(*, ports: str | None, hosts: tuple[str, ...], seconds: float, scan: bool) -> "Wish":
    """What is to be searched.

    Raises:
        InvalidInput: that are no ports, or no addresses.
    """
    from ipaddress import ip_address

    from cluster_ai.nodes.discovery.scan import USUAL_PORTS, ports_of
    from cluster_ai.nodes.discovery.scanning import Manner
    from cluster_ai.nodes.discovery.service import Wish
    from cluster_ai.nodes.ssh.showing import shown_fingerprint

    try:
        wanted = ports_of(ports) if ports else USUAL_PORTS
    except ValueError as exc:
        raise InvalidInput(t("discover.no_ports", text=exc), path="ports") from exc
    try:
        addresses = tuple(str(ip_address(host)) for host in hosts[:MOST_HOSTS])
    except ValueError as exc:
        raise InvalidInput(t("discover.no_address", text=exc), path="host") from exc
    return Wish(
        ports=wanted, hosts=addresses, networks=scan, mdns_seconds=seconds, manner=Manner(host_key=shown_fingerprint)
    )
