"""Which lines of the lock files count on machines of a target. Pure.

A lock is for every system and Python at once; its markers say which line is for whom. They are judged for the target
and not for the head, and for the first and the last release of its Python alike: ``3.11.2`` and ``3.11.9`` are one
target, and a package that one of them needs must be there.
"""

import re
from collections.abc import Iterator
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

from cluster_ai.nodes.bundle.manifest import Target

_LAST_RELEASE: Final = 99


def lines_for(lock: str, target: Target) -> Iterator[str]:
    """Pins with their hashes, without markers: ``name==1 --hash=sha256:...``.

    Raises:
        InvalidRequirement: the text is no lock.
    """
    for line in re.sub(r"\\\n\s*", "", lock).splitlines():
        if not line or line.startswith(("#", " ", "-")):
            continue
        pin, *hashes = re.split(r"\s+(?=--hash=)", line)
        requirement = Requirement(pin)
        if requirement.url:
            raise InvalidRequirement(f"{requirement.name} comes from an address of its own")
        if requirement.marker is None or any(map(requirement.marker.evaluate, _environments(target))):
            yield " ".join([f"{requirement.name}{requirement.specifier}", *map(str.strip, hashes)])


def _environments(target: Target) -> Iterator[dict[str, str]]:
    """As packaging.python.org's dependency specifiers name them, of the first and the last release."""
    for release in (0, _LAST_RELEASE):
        full = f"{target.python}.{release}"
        yield {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": target.architecture,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": full,
            "python_version": target.python,
            "sys_platform": "linux",
            "platform_release": "",
            "platform_version": "",
            "extra": "",
        }
