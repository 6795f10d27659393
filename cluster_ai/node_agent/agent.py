"""What the head wants of a machine, and what the machine makes of it."""

import asyncio
from dataclasses import dataclass

import structlog

from cluster_ai.node_agent.beat import Beats, Body, Self
from cluster_ai.node_agent.duties import Duties
from cluster_ai.node_agent.engine import Engines
from cluster_ai.node_agent.looking import Look
from cluster_ai.nodes.types import Wanted
from cluster_ai.pki.store import Store
from cluster_ai.settings import Settings
from cluster_ai.supervisor.control import Control

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Agent:
    """What the parts of it share."""

    settings: Settings
    engines: Engines
    look: Look
    duties: Duties
    wanted: Wanted | None = None
    """What was carried out last; None before the first word of the head in this life, and while another is not done."""

    @property
    def store(self) -> Store:
        return Store(self.settings.paths.tls)

    def beats(self) -> Beats:
        """The conversation with the head, about this machine."""
        agent, look = self.settings.agent, self.look
        duties = self.duties
        body = Body(look.take, look.read, self.obey, duties.do, self.revoked_number, self.revoke, duties.expelled)
        return Beats(Self(agent.node_id, (agent.bind,), self.settings.effective_ports.agent), body)

    async def obey(self, wanted: Wanted) -> None:
        """The head wants something else than before, or this is the first that it says."""
        await self.duties.heard()
        # Until it is done nobody knows what holds here.
        before, self.wanted = self.wanted, None
        # In an earlier life another word may have been the last: the first of this one is carried out whatever it is.
        if before is None or before.drain != wanted.drain:
            # Its tasks go elsewhere; the scheduler tries again what was running.
            share = None if wanted.drain else await self.look.share()
            await Control(self.settings.paths).scale_workers(share.workers if share else 0)
        self.wanted = wanted
        log.info("wanted of this machine", cordon=wanted.cordon, drain=wanted.drain, labels=" ".join(wanted.labels))

    async def revoked_number(self) -> int:
        """Of the list of revoked certificates that lies here."""
        return max(0, await asyncio.to_thread(self.store.revoked_number))

    async def revoke(self, listed: str) -> None:
        """A newer list of revoked certificates."""
        await asyncio.to_thread(self.store.put_revoked, listed)
