"""What serves models on this machine: an Ollama that runs already, else our own embedded node. Looked for anew."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import aiohttp

from cluster_ai.core.bodies import read_whole
from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import INT64_MAX, parse_object
from cluster_ai.nodes.types import MOST_MODELS, LocalModel, LocalService

LOOK_SECONDS: Final = 2.0
LARGEST: Final = 4 * 1024 * 1024
_OK: Final = 200

Kind = Literal["ollama", "embedded"]


@dataclass(frozen=True, slots=True)
class Found:
    """An engine as it answered."""

    kind: Kind
    url: str
    version: str
    models: tuple[LocalModel, ...]


@dataclass(slots=True)
class Engines:
    """``places``: by kind, the better first. Owns what was found last."""

    session: aiohttp.ClientSession
    places: dict[Kind, str]
    found: Found | None = None
    _why: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of what serves now."""
        if self.found is None:
            return None
        parts = urlsplit(self.found.url)
        return parts.hostname or "", parts.port or 80

    async def look(self) -> None:
        """Asks each in turn; the first that answers serves."""
        for kind, url in self.places.items():
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    self.found = await self._ask(kind, url)
            except (aiohttp.ClientError, InvalidInput, OSError) as exc:
                self._why[kind] = _words(exc)
            else:
                self._why.pop(kind, None)
                return
        self.found = None

    def services(self) -> tuple[LocalService, ...]:
        """For the heartbeat: what serves, or what should and does not."""
        if (found := self.found) is not None:
            port = urlsplit(found.url).port or 80
            return (LocalService(kind=found.kind, name=found.kind, port=port, version=found.version[:64]),)
        rows = []
        for kind, url in self.places.items():
            port = urlsplit(url).port or 80
            rows.append(LocalService(kind=kind, name=kind, port=port, healthy=False, why=self._why.get(kind, "")[:256]))
        return tuple(rows)

    async def _ask(self, kind: Kind, url: str) -> Found:
        version = await self._get(f"{url}/api/version")
        tags, loaded = await self._get(f"{url}/api/tags"), await self._get(f"{url}/api/ps")
        return Found(kind, url, str(version.get("version", "")), _models(tags, loaded))

    async def _get(self, url: str) -> dict[str, Any]:
        async with self.session.get(url, allow_redirects=False) as response:
            raw = await read_whole(response.content, LARGEST)
            if response.status != _OK:
                raise InvalidInput(f"answered {response.status}")
        return parse_object(raw)


def _models(tags: dict[str, Any], loaded: dict[str, Any]) -> tuple[LocalModel, ...]:
    memory = {str(row["name"]): row for row in _rows(loaded)}
    found = []
    for row in _rows(tags)[:MOST_MODELS]:
        held = memory.get(str(row["name"]), {})
        found.append(
            LocalModel(
                name=str(row["name"])[:256],
                digest=str(row.get("digest", ""))[:128],
                size=_count(row.get("size")),
                loaded=bool(held),
                memory=_count(held.get("size")),
                gpu_memory=_count(held.get("size_vram")),
            )
        )
    return tuple(found)


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    rows = answer.get("models")
    return [row for row in rows if isinstance(row, dict) and row.get("name")] if isinstance(rows, list) else []


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value <= INT64_MAX else 0


def _words(exc: BaseException) -> str:
    if isinstance(exc, aiohttp.ClientConnectorError) and exc.os_error.strerror:
        return exc.os_error.strerror.lower()
    return "no answer in time" if isinstance(exc, TimeoutError) else (str(exc) or type(exc).__name__)
