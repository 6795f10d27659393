"""The scheduler's door for workers: whoever has other versions is sent away before any task reaches them.

Dask itself only warns. Our workers ask before they start; a worker that does not ask is refused when it registers.
"""

from collections.abc import Callable
from dataclasses import astuple
from typing import Any, Final

import structlog
from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.metrics import time as dask_time

from cluster_ai.compute.versions import Difference, differences, here, of_dask, plain, refusal

log = structlog.get_logger(__name__)

OPERATION: Final = "cluster_ai_admission"
"""Name under which the scheduler answers ``Admission.ask``."""
VERSIONS: Final = "cluster_ai"
"""Key under which our workers say their versions when they register."""
MOST_REFUSED: Final = 64
LONGEST_NAME: Final = 128

Tell = Callable[[str, str, str], None]
"""``tell(kind, subject, detail)`` of something that happened."""


def _untold(_kind: str, _subject: str, _detail: str) -> None:
    """For schedulers that tell nobody."""


class Admission(SchedulerPlugin):
    """Compares versions. Remembers who was refused, until they come back with the right ones."""

    name = "cluster-ai-admission"

    def __init__(self, environment: str, tell: Tell = _untold) -> None:
        self._here = here(environment)
        self._tell = tell
        self._register: Any = None
        self._refused: dict[str, dict[str, Any]] = {}

    async def start(self, scheduler: Any) -> None:
        """Called by the scheduler before it answers anybody."""
        scheduler.handlers[OPERATION] = self.ask
        self._register = scheduler.handlers["register-worker"]
        scheduler.handlers["register-worker"] = self.register

    def ask(self, comm: Any, name: str = "", versions: Any = None) -> dict[str, Any]:
        """What keeps a worker of that name and those versions from coming, in ``differences``; empty: nothing."""
        found = differences(plain(versions), self._here)
        self._note(comm, name, found)
        return {"differences": [astuple(one) for one in found]}

    async def register(self, comm: Any, **said: Any) -> Any:
        """Dask's own registration, behind the same question."""
        extra = said.get("extra")
        told = plain(extra.get(VERSIONS)) if isinstance(extra, dict) else {}
        found = differences(told | of_dask(said.get("versions")), self._here)
        if error := self._note(comm, str(said.get("name", "")), found):
            await comm.write({"status": "error", "message": error, "time": dask_time()})
            return None
        return await self._register(comm, **said)

    def view(self) -> list[dict[str, Any]]:
        """Who was refused and has not come back: name, address, why, and when (Unix seconds)."""
        return list(self._refused.values())

    def _note(self, comm: Any, name: str, found: tuple[Difference, ...]) -> str:
        name = name[:LONGEST_NAME]
        before = self._refused.pop(name, None)
        if not found:
            return ""
        why = refusal(name, found).message
        address = comm.peer_address.partition("://")[2].rpartition(":")[0]
        if len(self._refused) >= MOST_REFUSED:
            self._refused.pop(next(iter(self._refused)))
        self._refused[name] = {"name": name, "address": address, "why": why, "at": dask_time()}
        if before is None or before["why"] != why:
            log.warning("worker refused", worker=name, address=address, reason=why)
            self._tell("worker.refused", name, why)
        return why
