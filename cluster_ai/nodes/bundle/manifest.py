"""What a bundle is made of: one program, its wheels, and a signed list of them. Python's own library alone."""

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from cluster_ai.nodes.bundle.ecdsa import is_signed, key_of

FORMAT: Final = 1
PROGRAM: Final = "program.tar.gz"
WHEELS: Final = "wheels/"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
AUTHORITY: Final = "ca.crt"
"""The authority's certificate, PEM."""
AUTHORITY_PATH: Final = "/ca"
"""At the head: the same, for whoever compares its fingerprint."""
PREFIX: Final = "/software"
"""At the head: ``/software`` tells what there is, ``/software/py3.11-x86_64/manifest.json`` and its files follow."""
LARGEST_MANIFEST: Final = 1024 * 1024
_MOST_FILES: Final = 2000
_LARGEST_FILE: Final = 4 * 1024**3
_FILE_NAME: Final = re.compile(r"program\.tar\.gz|wheels/[A-Za-z0-9][A-Za-z0-9._+-]{0,250}\.whl")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class BadBundle(Exception):
    """It is not what the head signed, or no bundle at all."""


@dataclass(frozen=True)
class Target:
    """Which machines can use it: Python ``3.11`` on ``x86_64``. Written ``py3.11-x86_64``."""

    python: str
    architecture: str

    def __str__(self) -> str:
        return f"py{self.python}-{self.architecture}"

    @classmethod
    def parse(cls, text: str) -> "Target":
        """What ``str`` of one says.

        Raises:
            BadBundle: no such thing.
        """
        found = re.fullmatch(r"py(3\.1[1-3])-(x86_64|aarch64)", text)
        if not found:
            raise BadBundle(f"{text[:40]!r} names no Python and architecture")
        return cls(found[1], found[2])


@dataclass(frozen=True)
class File:
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """``name`` is the folder of the version on a machine; another program or other wheels have another one."""

    name: str
    version: str
    environment: str
    python: str
    architecture: str
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes to fetch."""
        return sum(file.size for file in self.files)

    def to_bytes(self) -> bytes:
        """The same for the same contents: this is what is signed."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, separators=(",", ":")).encode()


def read_manifest(raw: bytes, signature: bytes, authority: bytes) -> Manifest:
    """The list, when the authority (DER of a certificate known to be genuine) has signed it.

    ``signature`` is base64.

    Raises:
        BadBundle: it has not, or what it signed cannot be read by this version.
    """
    try:
        genuine = is_signed(raw, base64.b64decode(signature, validate=True), key_of(authority))
    except ValueError as exc:
        raise BadBundle(f"the signature cannot be checked: {exc}") from exc
    if not genuine:
        raise BadBundle("the list of files is not signed by this cluster's authority")
    return parse(raw)


def parse(raw: bytes) -> Manifest:
    """A list whose signature was checked before; names that could leave a folder are refused all the same.

    Raises:
        BadBundle: this version cannot read it.
    """
    try:
        told = json.loads(raw)
        if told.pop("format") != FORMAT:
            raise BadBundle("the bundle is of another version's kind: take the installer of that version")
        files = tuple(_file(one) for one in told.pop("files"))
        manifest = Manifest(**{key: str(value) for key, value in told.items()}, files=files)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BadBundle(f"the list of files cannot be read: {exc}") from exc
    if not _NAME.fullmatch(manifest.name) or len(files) > _MOST_FILES or PROGRAM not in {one.name for one in files}:
        raise BadBundle("the list of files names no program")
    return manifest


def sha256_of(pem: str) -> str:
    """Fingerprint of a certificate, of its DER, as join lines carry it."""
    return hashlib.sha256(der_of(pem)).hexdigest()


def der_of(pem: str) -> bytes:
    """The first certificate in it.

    Raises:
        BadBundle: there is none.
    """
    found = re.search(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", pem, re.DOTALL)
    try:
        return base64.b64decode("".join(found[1].split()), validate=True) if found else b""
    except ValueError as exc:
        raise BadBundle("no certificate") from exc


def _file(told: Any) -> File:
    file = File(name=told["name"], size=int(told["size"]), sha256=told["sha256"])
    if not (_FILE_NAME.fullmatch(file.name) and _SHA256.fullmatch(file.sha256) and 0 <= file.size <= _LARGEST_FILE):
        raise BadBundle(f"a file that no bundle has: {file.name[:60]!r}")
    return file
