"""Lines of known_hosts files, as OpenSSH writes them. Pure.

A hashed name can be compared with a name that somebody gives; it is never guessed.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

SSH_PORT: Final = 22
REVOKED: Final = "@revoked"
AUTHORITY: Final = "@cert-authority"
LONGEST_LINE: Final = 65_536
_HASHED: Final = "|1|"
_FIELDS: Final = 3


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's public key. ``kind`` is ``ssh-ed25519`` and so on; ``blob`` as it crosses the wire."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` shows it: ``SHA256:`` and 43 letters."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One line: the names as they stand there, and the key that they have."""

    names: tuple[str, ...]
    key: HostKey
    marker: str = ""
    """``@revoked``, ``@cert-authority`` or empty."""

    def is_about(self, host: str, port: int = SSH_PORT) -> bool:
        """Whether the line speaks of ``host``; a ``!pattern`` takes it out."""
        told = name_of(host, port)
        found = False
        for name in self.names:
            if name.startswith("!"):
                if _matches(name[1:], told):
                    return False
            elif _matches(name, told):
                found = True
        return found


@dataclass(frozen=True, slots=True)
class Known:
    """All that a file tells. ``broken`` lines could not be read, and are no reason to trust or to refuse anybody."""

    lines: tuple[KnownHost, ...] = ()
    broken: int = 0

    @property
    def hashed(self) -> int:
        """Lines whose names nobody can read."""
        return sum(any(name.startswith(_HASHED) for name in line.names) for line in self.lines)

    def places(self) -> dict[tuple[str, int], tuple[HostKey, ...]]:
        """Hosts and ports that are named in the open, each with its keys."""
        found: dict[tuple[str, int], tuple[HostKey, ...]] = {}
        for line in self.lines:
            if line.marker:
                continue
            for name in line.names:
                if (place := _place(name)) is not None:
                    found[place] = (*found.get(place, ()), line.key)
        return found


def name_of(host: str, port: int) -> str:
    """``host`` as a known_hosts file calls it."""
    return host.lower() if port == SSH_PORT else f"[{host.lower()}]:{port}"


def line_of(host: str, port: int, key: HostKey) -> str:
    """The line to add for a host; ``host`` must be one of ``Target``'s, which has no blank in it."""
    return f"{name_of(host, port)} {key.kind} {base64.b64encode(key.blob).decode()}\n"


def parse(text: str) -> Known:
    """Every line of a file."""
    found, broken = [], 0
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        one = _line(line)
        if one is None:
            broken += 1
        else:
            found.append(one)
    return Known(tuple(found), broken)


def joined(parts: Iterable[Known]) -> Known:
    """Several files as one."""
    every = list(parts)
    return Known(tuple(line for part in every for line in part.lines), sum(part.broken for part in every))


def _line(line: str) -> KnownHost | None:
    fields = line[:LONGEST_LINE].split(None, 4)
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    if marker not in {"", REVOKED, AUTHORITY} or len(fields) < _FIELDS:
        return None
    names, kind, text = fields[:_FIELDS]
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # The blob says its kind, too: a line that says another was not written by a program.
    if not kind.isascii() or blob[: 4 + len(kind)] != len(kind).to_bytes(4, "big") + kind.encode():
        return None
    return KnownHost(tuple(name for name in names.split(",") if name), HostKey(kind, blob), marker)


def _matches(pattern: str, told: str) -> bool:
    if pattern.startswith(_HASHED):
        return _is_hash_of(pattern, told)
    # Brackets are part of a name with a port, not a set of letters.
    return fnmatchcase(told, pattern.lower().replace("[", "[[]"))


def _is_hash_of(hashed: str, told: str) -> bool:
    parts: Sequence[str] = hashed.split("|")
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:4])
    except (binascii.Error, ValueError):
        return False
    # SHA-1 is the file format's; it hides a name from a glance and guards nothing.
    return hmac.compare_digest(hmac.digest(salt, told.encode(), "sha1"), digest)


def _place(name: str) -> tuple[str, int] | None:
    if name.startswith((_HASHED, "!")) or set(name) & set("*?"):
        return None
    if not name.startswith("["):
        return name.lower(), SSH_PORT
    host, _, port = name[1:].partition("]:")
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= 65_535):  # noqa: PLR2004 - ports
        return None
    return host.lower(), int(port[:6])
