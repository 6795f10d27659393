"""The files of models of one machine, as its agent opens them: to give to others, and to copy into from others."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from cluster_ai.catalog.copying import FolderTarget, Giver, OllamaTarget, Target
from cluster_ai.catalog.names import Door, Names
from cluster_ai.catalog.serving import ModelsApp
from cluster_ai.catalog.shelf import Shelf
from cluster_ai.core.errors import InvalidInput

SYSTEM_FOLDER: Final = Path("/usr/share/ollama/.ollama/models")
"""Where Ollama keeps models when its own installer made it a service."""
MOST_KNOWN: Final = 256


@dataclass(frozen=True, slots=True)
class FilesConfig:
    """``tls`` shows this machine's certificate. ``domain`` ends the names of machines. ``rate`` in bytes a second."""

    tls: ssl.SSLContext
    domain: str
    engine_url: str
    scratch: Path
    folder: Path | None = None
    """Of the engine's models; looked for where it is not given."""
    rate: float | None = None


@asynccontextmanager
async def open_files(config: FilesConfig) -> AsyncIterator[ModelsApp]:
    """The application for ``/-/models``, ``/-/blobs`` and ``/-/copies``, while the block runs."""
    known: dict[str, tuple[str, ...]] = {}
    connector = aiohttp.TCPConnector(ssl=config.tls, resolver=Names(lambda: known), limit=0, use_dns_cache=False)
    async with AsyncExitStack() as stack:
        outward = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, trust_env=False))
        inward = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        shelf = await asyncio.to_thread(lambda: Shelf(config.folder or models_folder(os.environ)))

        def giver(door: Door) -> Giver:
            host = checked_host(door, config.domain)
            if len(known) >= MOST_KNOWN:
                known.clear()
            known[host] = door.addresses
            return Giver(outward, door.url, rate=config.rate)

        yield ModelsApp(shelf, giver, await asyncio.to_thread(_target, shelf, inward, config))


def models_folder(env: Mapping[str, str]) -> Path:
    """Where an Ollama on this machine keeps its models."""
    if named := env.get("OLLAMA_MODELS"):
        return Path(named)
    own = Path(env.get("HOME", "/"), ".ollama", "models")
    return own if own.is_dir() or not SYSTEM_FOLDER.is_dir() else SYSTEM_FOLDER


def checked_host(door: Door, domain: str) -> str:
    """The machine's name in the cluster.

    Raises:
        InvalidInput: that is no machine of a cluster; nobody else is asked for models.
    """
    try:
        parts = urlsplit(door.url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host.endswith(f".{domain}") or parts.scheme != "https" or parts.path or parts.query or not door.addresses:
        raise InvalidInput("source must be the door of a machine of this cluster", path="source")
    return host


def _target(shelf: Shelf, session: aiohttp.ClientSession, config: FilesConfig) -> Target:
    if shelf.writable:
        return FolderTarget(shelf)
    return OllamaTarget(session, config.engine_url, config.scratch)
