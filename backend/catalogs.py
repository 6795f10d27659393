"""The catalog room as the API has it: opened with its loops, over the nodes that the API knows."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from backend.catalog_config import Around, CatalogConfig
from backend.model_news import looked_after, tell
from backend.model_nodes import model_nodes
from cluster_ai.catalog.gguf_remote import Registry
from cluster_ai.catalog.given import Given
from cluster_ai.catalog.opening import Opened, open_room
from cluster_ai.gateway.managing.asks import Ask, Verb, refuse_registries
from cluster_ai.pki.contexts import Renewed

__all__ = ["Around", "CatalogConfig", "Opened", "open_catalogs"]


@asynccontextmanager
async def open_catalogs(config: CatalogConfig, around: Around) -> AsyncIterator[Opened]:
    """The room, and the loops that follow the nodes and keep pinned models in memory."""
    async with AsyncExitStack() as stack:
        tls = await _certificate(around.tls, stack)
        nodes = await stack.enter_async_context(model_nodes(around.live, around.fleet, tls))
        outward = await stack.enter_async_context(aiohttp.ClientSession(trust_env=True))

        def admit(model: str) -> None:
            ask = Ask(Verb.PULL, model)
            refuse_registries(ask, allow_pull=config.allow_pull, registries=config.registries)

        library = Registry(outward, config.registries, config.bases)
        given = Given(nodes, library, admit, around.times.now, around.times.new_id, config.aliases, around.consent)
        opening = open_room(around.database, given, users=config.users, tell=lambda view: tell(around, view))
        room = await stack.enter_async_context(opening)
        await stack.enter_async_context(looked_after(room, nodes, around))
        yield room


async def _certificate(folder: Path | None, stack: AsyncExitStack) -> ssl.SSLContext | None:
    """For connections to machines; it follows its files until the stack is closed."""
    if folder is None:
        return None
    renewed = await asyncio.to_thread(Renewed, folder)
    context = await asyncio.to_thread(renewed.client)
    following = asyncio.create_task(renewed.follow())
    stack.push_async_callback(asyncio.wait, {following})
    stack.callback(following.cancel)
    return context
