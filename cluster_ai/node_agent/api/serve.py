"""The agent's API put together: what answers what, on its socket."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import aiohttp

from cluster_ai import __version__
from cluster_ai.catalog.files import FilesConfig, open_files
from cluster_ai.catalog.serving import COPIES, ModelsApp
from cluster_ai.catalog.shelf import Shelf
from cluster_ai.core.paths import Home
from cluster_ai.node_agent.api.app import AgentApi, Rooms
from cluster_ai.node_agent.api.asked import Receive, Scope, Send
from cluster_ai.node_agent.api.commands import Commands
from cluster_ai.node_agent.api.following import Logs
from cluster_ai.node_agent.api.loading import Loading
from cluster_ai.node_agent.api.opening import open_api
from cluster_ai.node_agent.api.telling import Telling
from cluster_ai.node_agent.beat import Beats
from cluster_ai.node_agent.engine import Engines
from cluster_ai.node_agent.gguf_shelf import GgufShelf
from cluster_ai.node_agent.looking import Look
from cluster_ai.node_agent.models_folder import Place, asked_of, models_folder, ollamas_folder
from cluster_ai.nodes.sensors.tree import Tree
from cluster_ai.nodes.types import AgentSettings
from cluster_ai.pki.types import DOMAIN

SOCKET: Final = "agent.sock"


@dataclass(frozen=True, slots=True)
class Own:
    """What the API is about. ``session`` is for this machine's engine; ``tls`` shows this machine's certificate."""

    home: Home
    agent: AgentSettings
    beats: Beats
    look: Look
    engines: Engines
    session: aiohttp.ClientSession
    tls: ssl.SSLContext

    def files(self) -> FilesConfig:
        """Blocks."""
        engine = str(self.agent.ollama_url).rstrip("/")
        # Else where Ollama would make it; whoever may not look into it copies by Ollama's API.
        folder = ollamas_folder() or Path.home() / ".ollama" / "models"
        return FilesConfig(self.tls, domain=DOMAIN, engine_url=engine, scratch=self.home.scratch, folder=folder)


class Files:
    """Files of models as ``catalog`` gives them, from the folder in which this machine's engine keeps them just now."""

    def __init__(self, app: ModelsApp, own: Own) -> None:
        self._app = app
        self._own = own
        self._place = Place(os.environ, Path.home(), Tree())
        self._told: dict[str, Path | None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ``models_folder`` raises."""
        app = self._app
        if scope["path"] != COPIES:
            app = replace(app, shelf=await self._shelf())
        await app(scope, receive, send)

    async def _shelf(self) -> Shelf:
        found = self._own.engines.found
        if found is not None and found.kind == "embedded":
            return GgufShelf(self._own.home.models, found.models)
        return Shelf(await asyncio.to_thread(models_folder, await self._told_by_engine(), self._place))

    async def _told_by_engine(self) -> Path | None:
        """Asked once of each engine that has a model."""
        found = self._own.engines.found
        if found is None or found.kind != "ollama" or not found.models:
            return None
        if found.url not in self._told:
            self._told = {found.url: await asked_of(self._own.session, found.url, found.models[0].name)}
        return self._told[found.url]


@asynccontextmanager
async def open_own(own: Own) -> AsyncIterator[None]:
    """Answers while the block runs."""
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_files(await asyncio.to_thread(own.files)))
        loading = Loading(own.session, lambda: own.engines.address)
        telling = Telling(own.beats, own.look, name=own.agent.name, version=__version__)
        rooms = Rooms(
            health=telling.health,
            state=telling.state,
            logs=Logs(own.home.logs),
            execute=Commands(allowed=own.agent.allow_exec, folder=Path.home()),
            load=loading.load,
            unload=loading.unload,
            files=Files(app, own),
        )
        await stack.enter_async_context(open_api(AgentApi(rooms), own.home.run, SOCKET))
        yield
