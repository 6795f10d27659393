"""The gateway follows the list of machines, and keeps the last one: it serves on while the API is away."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from pydantic import ValidationError

from cluster_ai.core.bodies import read_whole
from cluster_ai.core.loops import every
from cluster_ai.core.paths import PRIVATE_FILE
from cluster_ai.gateway.room import Room
from cluster_ai.nodes.views import Serving
from cluster_ai.pki.contexts import Renewed

log = structlog.get_logger(__name__)
SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 2.0
LARGEST: Final = 4 * 1024 * 1024
_PATH: Final = "/api/v1/serving"
_OK: Final = 200
_REFUSED: Final = 300


@dataclass(frozen=True, slots=True)
class Source:
    """Where the list comes from, and where the last one lies. ``renewed`` keeps the TLS context that reaches them."""

    api_url: str
    token: str
    file: Path
    renewed: Renewed


class Following:
    """One for a gateway process."""

    def __init__(self, source: Source, room: Room) -> None:
        self._source = source
        self._room = room
        self._version = ""
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follows as long as the block runs; what was known last is in force when it begins."""
        self._take(await asyncio.to_thread(_kept, self._source.file))
        limits = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=limits, trust_env=False) as self._session,
            asyncio.TaskGroup() as tasks,
        ):
            self._room.means.pool.waker.call = self.wake
            loops = (
                tasks.create_task(every(SECONDS, self.tick, name="machines")),
                tasks.create_task(self._source.renewed.follow()),
            )
            try:
                yield
            finally:
                self._room.means.pool.waker.call = None
                for loop in loops:
                    loop.cancel()

    async def tick(self) -> None:
        """One look. An API that does not answer changes nothing."""
        found = await self._ask()
        if found is None or found.version == self._version:
            return
        self._take(found)
        await asyncio.to_thread(_keep, self._source.file, found)

    async def wake(self, name: str) -> bool:
        """Has the head call a machine that sleeps; whether it did."""
        assert self._session is not None, "opened by running()"
        headers = {"Authorization": f"Bearer {self._source.token}", "Content-Type": "application/json"}
        url = f"{self._source.api_url}/api/v1/machines/{name}/wake"
        try:
            async with self._session.post(url, headers=headers, data=b"{}", allow_redirects=False) as response:
                return response.status < _REFUSED
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _take(self, found: Serving | None) -> None:
        if found is not None:
            self._version = found.version
            self._room.machines.apply(found.nodes)

    async def _ask(self) -> Serving | None:
        assert self._session is not None, "opened by running()"
        headers = {"Authorization": f"Bearer {self._source.token}"}
        url = self._source.api_url + _PATH
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                raw = await read_whole(response.content, LARGEST)
                return Serving.model_validate_json(raw) if response.status == _OK else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError):
            return None


def _kept(file: Path) -> Serving | None:
    try:
        return Serving.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _keep(file: Path, found: Serving) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(OSError):
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as out:
            out.write(found.model_dump_json().encode())
        draft.replace(file)
