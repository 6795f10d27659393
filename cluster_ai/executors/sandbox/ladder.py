"""Which sandbox this machine has: bubblewrap, else a container, else none."""

import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from cluster_ai.executors.failures import Failed
from cluster_ai.executors.sandbox.bare import Bare
from cluster_ai.executors.sandbox.bubblewrap import TOOLS, Bubblewrap, find_program
from cluster_ai.executors.sandbox.container import Container, find_engine
from cluster_ai.executors.sandbox.trying import tried
from cluster_ai.executors.sandbox.types import Rung
from cluster_ai.executors.types import ExecutorSettings

_WORKED: Final[set[str]] = set()
"""Programs that a sandbox was seen to work with, by this process or by the one that it is a copy of: to see it takes
longer than most small tickets. Only what works is remembered; what does not may be mended."""


class Ladder:
    """The rungs of one machine; each is tried once, when it is first asked for. ``hidden``: as in ``Bubblewrap``."""

    def __init__(self, settings: ExecutorSettings, *, hidden: Sequence[Path] = ()) -> None:
        self._settings = settings
        self._hidden = hidden

    def rung(self, *, image: str = "", trusted: bool = False) -> Rung:
        """The best rung for a job. ``trusted``: it may run without any.

        Raises:
            Failed: ``sandbox_unavailable`` with what is missing; ``engine_unavailable`` when a container is a must.
        """
        if image:
            return self._container_for_image()
        wrong = []
        for name in ("bubblewrap", "container"):
            rung, complaint = self._wanted(name)
            if rung is not None:
                return rung
            wrong.append(f"{name}: {complaint}")
        if trusted:
            return Bare()
        raise Failed("sandbox_unavailable", f"this machine has no working sandbox ({'; '.join(wrong)})")

    def _wanted(self, name: str) -> tuple[Rung | None, str]:
        if self._settings.sandbox not in ("auto", name):
            return None, "switched off by [executors] sandbox"
        return self._bubblewrap if name == "bubblewrap" else self._container

    def _container_for_image(self) -> Rung:
        engine, complaint = self._engine
        if not engine:
            raise Failed("engine_unavailable", f"a container image needs a container engine: {complaint}")
        return Container(engine, "")

    @cached_property
    def _engine(self) -> tuple[str, str]:
        return find_engine()

    @property
    def _container(self) -> tuple[Rung | None, str]:
        if not self._settings.container_image:
            return None, "[executors] container_image is not set"
        engine, complaint = self._engine
        return (Container(engine, self._settings.container_image), "") if engine else (None, complaint)

    @cached_property
    def _bubblewrap(self) -> tuple[Rung | None, str]:
        program = find_program()
        if not program:
            return None, "bwrap is not installed (Debian, Ubuntu: bubblewrap)"
        if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
            return None, f"{', '.join(missing)} is not installed (Debian: util-linux)"
        rung = Bubblewrap(program, self._hidden)
        if program not in _WORKED:
            if complaint := tried(rung):
                return None, complaint
            _WORKED.add(program)
        return rung, ""
