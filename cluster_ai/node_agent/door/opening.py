"""The door opened: bound in the LAN under mutual TLS for as long as a block runs."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from cluster_ai.core.sockets import BACKLOG, bind, short
from cluster_ai.node_agent.door.access import Behind
from cluster_ai.node_agent.door.leg import Leg
from cluster_ai.node_agent.door.visitor import House, Visitor

log = structlog.get_logger(__name__)
ENTER_SECONDS: Final = 3.0
HANDSHAKE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Rooms:
    """What stands behind the door. ``engine`` answers host and port of what serves models now, or None."""

    engine: Callable[[], tuple[str, int] | None]
    agent: Path
    """The Unix socket of the agent's own API."""

    def place(self, behind: Behind) -> str:
        return str(self.agent) if behind is Behind.AGENT else repr(self.engine())

    async def enter(self, behind: Behind, leg: Leg) -> None:
        """Connects ``leg``.

        Raises:
            OSError: nothing serves there.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(ENTER_SECONDS):
            if behind is Behind.AGENT:
                with short(self.agent.parent, self.agent.name) as path:
                    await loop.create_unix_connection(lambda: leg, path)
                return
            engine = self.engine()
            if engine is None:
                raise ConnectionRefusedError("no engine was found")
            await loop.create_connection(lambda: leg, *engine)


@asynccontextmanager
async def open_door(
    host: str, port: int, *, tls: ssl.SSLContext, cluster_id: str, rooms: Rooms
) -> AsyncIterator[asyncio.Server]:
    """Serves callers of the cluster while the block runs; at its end what is open is cut.

    Raises:
        PortTaken: something else listens there, or the address is none of this machine.
    """
    sock = bind(host, port)
    loop = asyncio.get_running_loop()
    visitors: set[Visitor] = set()
    async with asyncio.TaskGroup() as tasks:
        house = House(cluster_id, rooms.enter, rooms.place, tasks.create_task, visitors)
        server = await loop.create_server(
            lambda: Visitor(house), sock=sock, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        log.info("this machine's door is open", address=host, port=port)
        try:
            yield server
        finally:
            server.close()
            house.is_open = False
            for visitor in list(visitors):
                visitor.cut()
