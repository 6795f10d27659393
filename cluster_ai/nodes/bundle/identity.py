"""Names a set of packages: two machines with the same one run the same code. Python's own library alone."""

import hashlib
import platform
import sys
from pathlib import Path
from typing import Final

LOCKS: Final = ("runtime.lock", "models.lock")
"""What an environment is made from, in the folder ``requirements`` of the program."""
DIGEST_LENGTH: Final = 12
_ARCHITECTURES: Final = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def program_root() -> Path:
    """The folder that holds ``cluster_ai``: a checkout, or one installed version."""
    return Path(__file__).resolve().parents[3]


def architecture(machine: str = "") -> str:
    """``x86_64`` or ``aarch64``, whatever the system calls it; that of this machine without an argument."""
    name = (machine or platform.machine()).lower()
    return _ARCHITECTURES.get(name, name)


def python_minor() -> str:
    """``3.11``"""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def locks_digest(root: Path) -> str:
    """Of what the lock files say, whatever they are called; empty when this program came without them."""
    digest = hashlib.sha256()
    try:
        for name in LOCKS:
            digest.update((root / "requirements" / name).read_bytes())
    except OSError:
        return ""
    return digest.hexdigest()[:DIGEST_LENGTH]


def environment_id(root: Path | None = None, *, python: str = "", machine: str = "") -> str:
    """``3f2a9c1d5e6f-py3.11-x86_64``: locks, Python minor and architecture; of this very process by default.

    The part before the first hyphen is the same on every architecture. Empty without lock files.
    """
    digest = locks_digest(root or program_root())
    return f"{digest}-py{python or python_minor()}-{architecture(machine)}" if digest else ""
