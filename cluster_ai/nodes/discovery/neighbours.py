"""Hosts that this machine has spoken with on its own wires: the kernel's neighbour table (ARP)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

TABLE: Final = Path("/proc/net/arp")
_FIELDS: Final = 6
_INCOMPLETE: Final = "0x0"
_NOBODY: Final = "00:00:00:00:00:00"


def parse(text: str) -> Mapping[str, str]:
    """Hardware address by IP address, of those that answered. Pure."""
    found = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= _FIELDS and fields[2] != _INCOMPLETE and fields[3] != _NOBODY:
            found[fields[0]] = fields[3].lower()
    return found


def read(path: Path = TABLE) -> Mapping[str, str] | None:
    """The table as it is now; None where the system keeps none that we can read. Reads a file."""
    try:
        return parse(path.read_text(encoding="ascii", errors="replace"))
    except OSError:
        return None
