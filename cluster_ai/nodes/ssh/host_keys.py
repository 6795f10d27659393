"""Whether a host is who it was: keys known before, a fingerprint that was given, or a person who compares.

A key that differs from a known one is refused always, whatever else was said.
"""

import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.discovery import known_hosts
from cluster_ai.nodes.discovery.known_hosts import AUTHORITY, REVOKED, HostKey, Known
from cluster_ai.nodes.ssh.causes import HostKeyChanged, HostKeyUnknown
from cluster_ai.nodes.ssh.target import Target

LARGEST_FILE: Final = 16 * 2**20
_FINGERPRINT_LETTERS: Final = 43


class Verdict(StrEnum):
    """What is known of a key."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class FirstContact:
    """What a person is asked: is this the machine's key?"""

    target: Target
    key: HostKey


@dataclass(frozen=True, slots=True)
class Refusal:
    """For the audit: a host that showed the wrong key. Nothing was sent to it."""

    target: Target
    expected: str
    got: str


Ask = Callable[[FirstContact], Awaitable[bool]]
Report = Callable[[Refusal], None]


async def nobody(_contact: FirstContact) -> bool:
    """There is no person to compare a fingerprint."""
    return False


def unheard(_refusal: Refusal) -> None:
    """Nobody keeps an audit."""


def fingerprint(text: str) -> str:
    """A fingerprint as people copy it: with or without ``SHA256:`` in front, with or without ``=`` behind.

    Raises:
        InvalidInput: it is none of SHA-256.
    """
    digest = text.strip().removeprefix("SHA256:").rstrip("=")
    letters = digest.replace("+", "").replace("/", "")
    if len(digest) != _FINGERPRINT_LETTERS or not (letters.isascii() and letters.isalnum()):
        raise InvalidInput(
            f"{text[:80]!r} is not a SHA256 fingerprint",
            path="fingerprint",
            hint="ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub, on that machine",
        )
    return f"SHA256:{digest}"


def judge(known: Known, target: Target, key: HostKey) -> tuple[Verdict, str]:
    """What the files say of ``key``, and the fingerprint that they name instead."""
    lines = [line for line in known.lines if line.marker != AUTHORITY and line.is_about(target.host, target.port)]
    if any(line.key == key for line in lines if line.marker == REVOKED):
        return Verdict.REVOKED, ""
    good = [line.key for line in lines if not line.marker]
    if key in good:
        return Verdict.KNOWN, ""
    if not good:
        return Verdict.UNKNOWN, ""
    # A genuine host has its known key still, and it was asked for that kind first.
    same_kind = [one for one in good if one.kind == key.kind]
    return Verdict.CHANGED, (same_kind or good)[0].fingerprint


def kinds(known: Known, target: Target) -> tuple[str, ...]:
    """Kinds of the keys that are known of a host."""
    lines = (line for line in known.lines if not line.marker and line.is_about(target.host, target.port))
    return tuple(dict.fromkeys(line.key.kind for line in lines))


class HostKeys:
    """Our own file of known hosts, which is written, and those of the user, which are read."""

    def __init__(self, own: Path, users: Iterable[Path] = ()) -> None:
        self.own = own
        self._users = tuple(users)

    def known(self) -> Known:
        """Everything that the files tell. Reads the disk."""
        return known_hosts.joined(known_hosts.parse(_read(path)) for path in (self.own, *self._users))

    def remember(self, target: Target, key: HostKey) -> None:
        """Adds a key to our own file, durably. Writes the disk."""
        self.own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = known_hosts.line_of(target.host, target.port, key)
        # One write of one line to a file that is only ever appended to: two of us cannot mix theirs.
        handle = os.open(self.own, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode("ascii"))
            os.fsync(handle)
        finally:
            os.close(handle)

    def forget(self, target: Target) -> int:
        """Takes a host out of our own file; answers how many lines went. Writes the disk."""
        text = _read(self.own)
        kept = [line for line in text.splitlines() if not _speaks_of(line, target)]
        gone = len(text.splitlines()) - len(kept)
        if gone:
            draft = self.own.with_name(f".{self.own.name}.{os.getpid()}")
            draft.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            draft.chmod(0o600)
            draft.replace(self.own)
        return gone


@dataclass(frozen=True, slots=True)
class Trust:
    """How a host's key is judged."""

    keys: HostKeys
    expected: str = ""
    """Fingerprint that was given for the machine itself; those gone through are judged by the files."""
    ask: Ask = nobody
    report: Report = unheard
    of: Target | None = None
    """The machine that ``expected`` speaks of."""

    def given(self, target: Target) -> str:
        """The fingerprint that ``target`` must have, where one was said."""
        return fingerprint(self.expected) if self.expected and target == self.of else ""


def refuse(trust: Trust, target: Target, *, expected: str, got: HostKey) -> HostKeyChanged:
    """The error for a wrong key, told to the audit as well."""
    trust.report(Refusal(target, expected, got.fingerprint))
    return HostKeyChanged(str(target), expected=expected, got=got.fingerprint)


def unknown(target: Target, key: HostKey) -> HostKeyUnknown:
    """The error for a key that nobody vouches for."""
    return HostKeyUnknown(str(target), key.kind, key.fingerprint)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE).decode("utf-8", "replace")
    except OSError:
        return ""


def _speaks_of(line: str, target: Target) -> bool:
    return any(one.is_about(target.host, target.port) for one in known_hosts.parse(line).lines)
