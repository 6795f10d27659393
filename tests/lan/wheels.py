"""What the head hands out to machines, fetched beforehand: on the network of a test no package index is reached."""

import asyncio
from pathlib import Path

from cluster_ai.nodes.bundle import wheels
from cluster_ai.nodes.bundle.identity import environment_id, program_root
from cluster_ai.nodes.bundle.manifest import Target
from tests.lan.commands import do
from tests.lan.root import CACHE, root


def stock(home: Path) -> None:
    """Puts the packages for machines that boot :func:`tests.lan.root.root` into a head's data directory.

    Raises:
        NoWheels: they are not in the cache, and this box reaches no package index either.
    """
    cached = house()
    shelf = home / "bundles" / "wheels"
    shelf.mkdir(parents=True)
    (shelf / cached.name).symlink_to(cached)


def house() -> Path:
    """The folder of those packages, filled.

    Raises:
        NoWheels: they are not in the cache, and this box reaches no package index either.
    """
    python, machine = kind()
    cached = CACHE / "wheels" / environment_id(program_root(), python=python, machine=machine)
    cached.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(wheels.fill(cached, program_root(), Target(python, machine), lambda *_: None))
    return cached


def kind() -> tuple[str, str]:
    """Python and processor of machines that boot."""
    python, machine = do(["chroot", root(), "python3", "-c", ASKED]).split()
    return python, machine


ASKED = "import platform; print('.'.join(platform.python_version_tuple()[:2]), platform.machine())"
