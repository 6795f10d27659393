"""What serves on this machine: its engine, and our Dask workers, each with whether it is well and why not."""

import asyncio
import importlib.metadata
from collections.abc import Awaitable, Callable
from typing import Final

from cluster_ai.core.errors import Unavailable
from cluster_ai.nodes.types import LocalService
from cluster_ai.supervisor.types import PartState, PartView, SupervisorView

WORKER: Final = "worker-"
WELL: Final = frozenset({PartState.READY})
_WORDS: Final = {
    PartState.WAITING: "waits for what it needs",
    PartState.STARTING: "starts",
    PartState.STOPPING: "stops",
    PartState.STOPPED: "is stopped",
}

Status = Callable[[], Awaitable[SupervisorView]]
"""``supervisor.control.Control.status``"""


class Workers:
    """Dask workers as the supervisor of this machine knows them."""

    def __init__(self, status: Status, *, version: str | None = None) -> None:
        self._status = status
        self._version = version

    async def look(self) -> tuple[LocalService, ...]:
        """Nothing when no supervisor runs: then it started no workers either."""
        try:
            view = await self._status()
        except Unavailable:
            return ()
        if self._version is None:
            self._version = await asyncio.to_thread(_dask)
        return tuple(self._told(part) for part in view.parts if part.name.startswith(WORKER) and part.port)

    def _told(self, part: PartView) -> LocalService:
        return LocalService(
            kind="dask-worker",
            name=part.name[:128],
            port=part.port or 1,
            version=self._version or "",
            healthy=part.state in WELL,
            why=_why(part),
        )


def _why(part: PartView) -> str:
    """Why it does not serve; empty when it does."""
    if part.state in WELL:
        return ""
    return (part.error or part.last_exit or _WORDS.get(part.state, part.state.value))[:256]


def _dask() -> str:
    try:
        return importlib.metadata.version("distributed")[:64]
    except importlib.metadata.PackageNotFoundError:
        return ""
