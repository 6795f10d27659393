"""What two processes must have in common before one may run the other's tasks. Reads what is installed."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from cluster_ai.core.errors import Conflict

PACKAGES: Final = ("dask", "distributed", "cloudpickle", "msgpack", "tornado")
ENVIRONMENT: Final = "environment"
PYTHON: Final = "python"
LONGEST: Final = 64
"""Characters of a version that are looked at: a peer sent it."""


class VersionsDiffer(Conflict):
    """A worker has other versions than the scheduler, so that it would misread tasks or crash on them."""

    code = "versions_differ"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same; empty when it is missing or unknown."""

    what: str
    worker: str
    scheduler: str

    def __str__(self) -> str:
        return f"{self.what} {self.worker or 'unknown'} instead of {self.scheduler}"


def here(environment: str) -> dict[str, str]:
    """Versions of this process. ``environment`` is its name for the whole set; empty when nobody knows."""
    found = {PYTHON: f"{sys.version_info.major}.{sys.version_info.minor}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    # What follows the first hyphen names Python and processor: the first is looked at by itself, the second may differ.
    return found | {ENVIRONMENT: environment.partition("-")[0]}


def of_dask(said: Any) -> dict[str, str]:
    """The same from what Dask's own workers send when they register; what is malformed counts as missing."""
    packages = said.get("packages") if isinstance(said, Mapping) else None
    if not isinstance(packages, Mapping):
        return {}
    found = {name: str(packages[name])[:LONGEST] for name in PACKAGES if packages.get(name)}
    minor = ".".join(str(packages.get(PYTHON, "")).split(".")[:2])
    return found | {PYTHON: minor[:LONGEST]}


def plain(said: Any) -> dict[str, str]:
    """``said`` by a peer as what ``here`` answers."""
    if not isinstance(said, Mapping):
        return {}
    return {name: str(said[name])[:LONGEST] for name in (PYTHON, *PACKAGES, ENVIRONMENT) if name in said}


def differences(worker: Mapping[str, str], scheduler: Mapping[str, str]) -> tuple[Difference, ...]:
    """What is not the same. What the scheduler does not know of itself is not asked of a worker."""
    return tuple(
        Difference(what, worker.get(what, ""), wanted)
        for what, wanted in scheduler.items()
        if wanted and worker.get(what, "") != wanted
    )


def refusal(name: str, found: Iterable[Difference]) -> VersionsDiffer:
    """What is wrong and how to mend it."""
    said = ", ".join(map(str, found))
    return VersionsDiffer(
        f"the worker {name} has {said}",
        hint="bring that machine to the head's version: cluster-ai node upgrade",
        values={"name": name, "differences": said},
    )
