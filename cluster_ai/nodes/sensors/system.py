"""The system that runs here: names, versions, and ids that do not give away the machine's own."""

import hashlib
import hmac
import shlex
from typing import Final

from cluster_ai.nodes.sensors.tree import Tree

APPLICATION: Final = bytes.fromhex("5f0d6fbc4b0e4d1e9f2f4c3a7b8d1e60")
"""Of Cluster AI among the users of machine ids; must never change."""


def system_name(tree: Tree) -> str:
    """``Debian GNU/Linux 12 (bookworm)``; empty where there is no os-release."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        facts = _assignments(tree.text(path) or "")
        if name := facts.get("PRETTY_NAME") or facts.get("NAME"):
            return name[:256]
    return ""


def boot_id(tree: Tree) -> str:
    return (tree.text("/proc/sys/kernel/random/boot_id") or "")[:64]


def machine_id(tree: Tree) -> str:
    """The machine's id for us alone, 32 hexadecimal digits; empty where it has none.

    ``machine-id`` itself must not leave the machine (machine-id(5)): it is hashed as
    sd_id128_get_machine_app_specific(3) does it, HMAC-SHA256 of the application under the machine's id, marked as a
    random UUID (RFC 9562, version 4).
    """
    text = tree.text("/etc/machine-id") or tree.text("/var/lib/dbus/machine-id") or ""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return ""
    if len(key) != 16 or not any(key):  # noqa: PLR2004 - 128 bits
        return ""
    mixed = bytearray(hmac.digest(key, APPLICATION, hashlib.sha256)[:16])
    mixed[6] = mixed[6] & 0x0F | 0x40
    mixed[8] = mixed[8] & 0x3F | 0x80
    return mixed.hex()


def _assignments(text: str) -> dict[str, str]:
    """Lines of a shell's ``NAME="value"``; one that no shell would take is left out."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        try:
            words = shlex.split(value)
        except ValueError:
            continue
        if equals and not name.startswith("#"):
            found[name.strip()] = " ".join(words)
    return found
