"""Addresses to listen on, as those see them who call there. Pure."""

from ipaddress import IPv6Address, ip_address


def is_loopback(address: str) -> bool:
    """Whether ``address`` (a name or an IP) can be reached from this machine alone."""
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def near(bind: str) -> str:
    """The host by which this machine's own programs reach what listens on ``bind``: that, or loopback for any."""
    try:
        found = ip_address(bind)
    except ValueError:
        return bind
    if not found.is_unspecified:
        return bind
    return "::1" if isinstance(found, IPv6Address) else "127.0.0.1"


def shown(bind: str) -> str:
    """The same for a person on this machine, who need not know the number of loopback."""
    host = near(bind)
    return "localhost" if host in {"127.0.0.1", "::1"} else host


def authority(host: str, port: int) -> str:
    """Host and port as a URL and the Host header have them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def origin(host: str, port: int) -> str:
    """The address of a server that speaks HTTP, as it stands in front of a path."""
    return f"http://{authority(host, port)}"
