"""What a supervisor looks after, and where it works."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cluster_ai.core.paths import Home
from cluster_ai.supervisor.launcher import Ground
from cluster_ai.supervisor.listeners import Listeners
from cluster_ai.supervisor.types import PartSpec


@dataclass(frozen=True, slots=True)
class Crew:
    """The parts of a cluster, and how one more worker would look."""

    specs: tuple[PartSpec, ...]
    worker: Callable[[int], PartSpec] | None = None
    most_workers: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a supervisor works. ``env`` is what its parts inherit."""

    home: Home
    version: str
    env: Mapping[str, str] = field(default_factory=dict)

    def ground(self) -> Ground:
        """What its parts will share; no socket is open yet."""
        return Ground(self.env, Listeners(), self.home.run)


def environment(base: Mapping[str, str], *, parent: str, code: str) -> dict[str, str]:
    """What parts inherit: ``base``, who their supervisor is, and where our code lies."""
    path = os.pathsep.join(part for part in (code, base.get("PYTHONPATH", "")) if part)
    return {**base, parent: str(os.getpid()), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
