"""How a machine leaves its cluster: it is out first, then tells, then ends. Its models stay."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.paths import Home
from cluster_ai.node_agent.membership import forget_membership
from cluster_ai.node_agent.orders import Supervises
from cluster_ai.nodes.bundle.switch import prefix_of
from cluster_ai.nodes.ssh.door import take_away
from cluster_ai.pki.store import Store

log = structlog.get_logger(__name__)
TELL_SECONDS: Final = 5.0
"""A machine that leaves has so long to tell the head that it does."""


class Stops(Supervises, Protocol):
    """What is needed of ``supervisor.control.Control``."""

    async def stop(self) -> None: ...


@dataclass(slots=True)
class Leaving:
    """``forget`` takes the membership away, ``close`` all that is left of it; both block."""

    supervisor: Stops
    forget: Callable[[], object]
    close: Callable[[], object]
    tell_seconds: float = TELL_SECONDS
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def leave(self) -> None:
        """The machine is out from now on, whatever happens; its certificate lasts until the head has been told."""
        await asyncio.to_thread(self.forget)
        self._asked.set()

    async def follow(self) -> None:
        """Ends the program once the machine has left."""
        await self._asked.wait()
        await asyncio.sleep(self.tell_seconds)
        await asyncio.to_thread(self.close)
        log.info("this machine has left the cluster; its models stay")
        try:
            await self.supervisor.stop()
        except Unavailable as exc:
            log.warning("nobody stops the program", reason=exc.message)


def leaving_from(home: Home, supervisor: Stops) -> Leaving:
    """Of the machine whose data directory that is."""
    return Leaving(supervisor, partial(forget_membership, home.membership), partial(leave_behind, home))


def leave_behind(home: Home) -> None:
    """Nothing of the membership is left: neither what the machine may do, nor what the cluster may do here. Blocks."""
    Store(home.tls).remove()
    forget_membership(home.membership)
    shut_door()


def shut_door() -> None:
    """The cluster's SSH key opens this account no more; harmless where none was left. Blocks."""
    prefix = prefix_of()
    try:
        if prefix is not None and take_away(Path.home(), prefix):
            log.info("the cluster's SSH key opens nothing here any more")
    except OSError as exc:
        log.warning("the cluster's SSH key could not be taken away", reason=str(exc))
