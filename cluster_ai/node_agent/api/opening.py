"""Where the agent's API listens: a Unix socket in this user's own folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import uvicorn
from uvicorn.server import ServerState

from cluster_ai.core.asgi.guard import Limits, guarded
from cluster_ai.core.sockets import listening_in
from cluster_ai.node_agent.api.app import App

END_SECONDS: Final = 10.0
LIMITS: Final = Limits(connections=256, body_bytes=1024 * 1024, write_seconds=120.0)


@asynccontextmanager
async def open_api(app: App, folder: Path, name: str) -> AsyncIterator[None]:
    """Answers there while the block runs; at its end every connection is cut, and whatever worked for one ends."""
    config = uvicorn.Config(
        cast("Any", app),
        interface="asgi3",
        http=guarded(LIMITS),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
    config.load()
    state, made = ServerState(), cast("type[Any]", config.http_protocol_class)
    loop = asyncio.get_running_loop()
    with listening_in(folder, name) as sock:
        server = await loop.create_unix_server(lambda: made(config=config, server_state=state, app_state={}), sock=sock)
        try:
            yield
        finally:
            server.close()
            await _cut(state)


async def _cut(state: ServerState) -> None:
    """As if all callers had left."""
    for connection in list(state.connections):
        if connection.transport is not None:
            connection.transport.abort()
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=END_SECONDS)
    # Those that do not end by that are ended by force.
    for task in state.tasks:
        task.cancel()
