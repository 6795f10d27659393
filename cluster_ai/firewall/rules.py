"""Who may reach which port, as rules of nftables. Pure.

Everything stands in a table of our own. Only ports of this cluster are named in it and nothing else is refused, so that
nobody is locked out of SSH, and what other tables say stays in force.

New rules are on trial first: the kernel itself holds them for some seconds (a member of a set that times out), and is
back at the rules before them unless somebody confirms. No process has to live for that.

Ports are judged packet by packet, without a memory of connections: who may not come any more is cut off at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_interface, ip_network
from typing import Final

from cluster_ai.core.errors import InvalidInput

TABLE: Final = "inet cluster_ai"
TRIAL: Final = "trial"
STANDING: Final = "standing"
TRIED: Final = "tried"
Network = IPv4Network | IPv6Network
Ports = Sequence[tuple[int, int]]
"""First and last, both with."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Who may come to which ports, both with; ``source`` None: everybody."""

    source: Network | None
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Policy:
    """``inside``: for machines of the cluster alone. ``doors``: for everybody, or for ``networks`` when there are any.

    ``members``: addresses of machines, which may come to all of them.
    """

    members: tuple[str, ...]
    inside: Ports
    doors: Ports
    networks: tuple[str, ...] = ()

    def rules(self) -> tuple[str, ...]:
        """One chain.

        Raises:
            InvalidInput: a network is none.
        """
        members = [found for address in self.members if (found := _member(address))]
        rules = [*_accepting(members, self.inside), f"tcp dport {_ports(self.inside)} counter drop"]
        if self.networks:
            rules += _accepting([*members, *map(_network, self.networks)], self.doors)
            rules.append(f"tcp dport {_ports(self.doors)} counter drop")
        return tuple(rules)

    def openings(self) -> tuple[Opening, ...]:
        """The same for a firewall that refuses whatever nobody let through.

        Raises:
            InvalidInput: a network is none.
        """
        members = [found for address in self.members if (found := _member(address))]
        networks = [_network(text) for text in self.networks]
        inside = [Opening(one, *ports) for ports in self.inside for one in members]
        around = [*members, *networks] if networks else [None]
        return tuple(dict.fromkeys([*inside, *(Opening(one, *ports) for ports in self.doors for one in around)]))


def script(*, standing: Sequence[str], tried: Sequence[str] = (), seconds: int = 0) -> str:
    """Takes the place of all that was ours before, in one step; ``tried`` counts for ``seconds``."""
    trial = f" elements = {{ tcp timeout {seconds}s }}" if seconds else ""
    return "\n".join(
        [
            *_without(),
            f"table {TABLE} {{",
            f"  set {TRIAL} {{ type inet_proto; flags timeout;{trial} }}",
            *_chain(STANDING, standing),
            *_chain(TRIED, tried),
            *_chain("input", _INPUT),
            "}",
            "",
        ]
    )


def removal() -> str:
    """Takes all of ours away."""
    return "\n".join([*_without(), ""])


_INPUT: Final = (
    "type filter hook input priority filter - 5; policy accept;",
    'iifname "lo" accept',
    f"meta l4proto @{TRIAL} goto {TRIED}",
    f"goto {STANDING}",
)


def _without() -> tuple[str, str]:
    # What is not there cannot be deleted: it is made first.
    return f"add table {TABLE}", f"delete table {TABLE}"


def _chain(name: str, rules: Iterable[str]) -> list[str]:
    return [f"  chain {name} {{", *(f"    {rule}" for rule in rules), "  }"]


def _accepting(networks: Sequence[Network], ports: Ports) -> list[str]:
    rules = []
    for family, kind in (("ip", IPv4Network), ("ip6", IPv6Network)):
        if of_it := [network for network in networks if isinstance(network, kind)]:
            named = ", ".join(shown(network) for network in collapse_addresses(of_it))  # type: ignore[type-var]
            rules.append(f"{family} saddr {{ {named} }} tcp dport {_ports(ports)} accept")
    return rules


def _member(address: str) -> Network | None:
    """None for a name: whoever answers for names would decide who is let in. None for what is no machine's own."""
    try:
        # A zone (fe80::1%eth0) may be any text at all.
        found = None if {"/", "%"} & set(address) else ip_interface(address).network
    except ValueError:
        return None
    if found is None or found.is_loopback or found.is_unspecified or found.is_multicast:
        return None
    return found


def _network(text: str) -> Network:
    try:
        return ip_network(text.replace("%", "/"), strict=False)
    except ValueError as exc:
        raise InvalidInput(
            f"{text[:64]!r} is no network", hint="as in 192.168.1.0/24", values={"about": "network", "text": text[:64]}
        ) from exc


def shown(network: Network) -> str:
    """A network, or the one address that it has."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _ports(ports: Ports) -> str:
    return f"{{ {', '.join(str(first) if first == last else f'{first}-{last}' for first, last in sorted(ports))} }}"
