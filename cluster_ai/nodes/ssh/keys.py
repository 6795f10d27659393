"""The cluster's own SSH key: it opens a machine for a few verbs, from the head's addresses, and for nothing else."""

import asyncio
import os
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.ssh.causes import CommandFailed
from cluster_ai.nodes.ssh.door import DOOR
from cluster_ai.nodes.ssh.session import Session

VERBS: Final = ("probe", "status", "update", "restart", "logs")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Rights:
    """Where the key is good for, and for what."""

    addresses: tuple[str, ...]
    """Of the head: IP addresses or networks."""
    program: str
    """Absolute path of our command on the machine."""


def ensure(path: Path, comment: str) -> str:
    """The public half of the key in ``path``, which is made when it is missing. Writes the disk."""
    with suppress(FileExistsError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_new())
            file.flush()
            os.fsync(file.fileno())
    return f"{public(path)} {_checked(comment)}"


def public(path: Path) -> str:
    """``ssh-ed25519 AAAA...`` of the private key in ``path``. Reads the disk."""
    key = serialization.load_ssh_private_key(path.read_bytes(), password=None)
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return line.decode()


def line(public_key: str, rights: Rights, home: str) -> str:
    """The line of ``authorized_keys``: ``restrict`` takes forwarding, PTY and rc files, ``command`` the rest.

    Raises:
        InvalidInput: an address is none.
    """
    try:
        sources = ",".join(str(ip_network(one, strict=False)) for one in rights.addresses)
    except ValueError as exc:
        raise InvalidInput(str(exc), path="addresses") from exc
    if not sources:
        raise InvalidInput("a key that is good from anywhere is not made", path="addresses")
    command = shlex.join([f"{home}/{DOOR}", rights.program])
    if not command.isprintable():
        raise InvalidInput("a path on that machine holds a control character", path="program")
    quoted = command.replace("\\", "\\\\").replace('"', '\\"')
    return f'restrict,from="{sources}",command="{quoted}" {public_key}'


async def install(session: Session, public_key: str, rights: Rights, *, home: str) -> None:
    """Lets the key in at this machine; a second time changes nothing.

    Raises:
        CommandFailed, FileRefused: the machine's files cannot be written.
    """
    whole = line(public_key, rights, home)
    await _sh(session, "the folder of the door", ["mkdir", "-p", "--", Path(DOOR).parent.as_posix()])
    await session.put(await _text("door.sh"), DOOR, mode=0o700)
    await _authorize(session, public_key, whole)


async def remove(session: Session, public_key: str) -> None:
    """Takes the key and its door from this machine; harmless where they are not.

    Raises:
        CommandFailed: the machine's files cannot be written.
    """
    await _authorize(session, public_key, "")
    await _sh(session, "removing the door", ["rm", "-f", "--", DOOR])


async def _authorize(session: Session, public_key: str, whole: str) -> None:
    word = _checked(public_key.rpartition(" ")[2])
    await _sh(session, "authorized_keys", ["sh", "-s", "--", word, whole], feed=await _text("authorize.sh"))


async def _sh(session: Session, what: str, argv: Iterable[str], *, feed: bytes = b"") -> None:
    done = await session.run(list(argv), feed=feed, seconds=_SECONDS)
    if done.status:
        raise CommandFailed(str(session.target), what, status=done.status, said=done.said)


def _new() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


async def _text(name: str) -> bytes:
    return await asyncio.to_thread(files("cluster_ai.nodes.ssh").joinpath(name).read_bytes)


def _checked(word: str) -> str:
    """The word by which the key's line is known on the machine."""
    if not _WORD.fullmatch(word):
        raise InvalidInput(f"{word[:80]!r} cannot name a key", path="comment")
    return word
