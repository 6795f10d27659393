"""The machines room as the API has it: join lines, the fleet, and the authority that signs for both."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.machines.config import MembersConfig, Times
from cluster_ai.core.db import Database
from cluster_ai.nodes.energy import Energy
from cluster_ai.nodes.errors import StaysAlone
from cluster_ai.nodes.opening import Authority, Chance, Consent, Fleet, Invitations, always, opened
from cluster_ai.pki.head import ensure_head
from cluster_ai.pki.store import Store

if TYPE_CHECKING:
    from backend.machines.agents import Agents


__all__ = ["Consent", "Members", "always", "open_members"]


@dataclass(slots=True)
class Members:
    """What routes and the machines' door use."""

    config: MembersConfig
    authority: Authority
    fleet: Fleet
    invitations: Invitations
    energy: Energy
    certificate_until: float = 0.0
    """When the head's own certificate ends, Unix seconds."""
    agents: "Agents | None" = None
    """What is asked at machines' doors; None while this head has no door for machines."""

    def at_doors(self) -> "Agents":
        """What is asked at machines' doors.

        Raises:
            StaysAlone: this head has no door for machines.
        """
        if self.agents is None:
            raise StaysAlone("this head listens on this machine alone", hint="cluster-ai node open")
        return self.agents

    async def renew_own(self) -> None:
        """The head's own certificate, made anew when it is time."""
        files = self.config.files
        await asyncio.to_thread(ensure_head, files)
        self.certificate_until = (await asyncio.to_thread(Store(files.store).life)).not_after

    async def publish_revoked(self) -> None:
        """Puts the list of revoked certificates where this head's own listeners look for it."""
        store = Store(self.config.files.store)
        await asyncio.to_thread(store.put_revoked, self.fleet.revoked)


async def open_members(
    database: Database, config: MembersConfig, *, times: Times, consent: Consent = always
) -> Members:
    """Reads what is stored; the head has an authority and a certificate afterwards.

    Raises:
        DatabaseUnavailable: it cannot be read.
        NoCertificate: what lies in the folders of secrets is damaged.
    """
    authority = await asyncio.to_thread(ensure_head, config.files, now=times.now())
    chance = Chance(now=times.now, new_id=times.new_id, random=secrets.token_bytes)
    fleet, invitations = await opened(database, authority, config.settings, chance=chance, consent=consent)
    energy = Energy(database, times.now, config.settings.heartbeat_seconds)
    await energy.load()
    fleet.told.append(energy.heard)
    fleet.gone.append(energy.forget)
    members = Members(config, authority, fleet, invitations, energy)
    await members.publish_revoked()
    await members.renew_own()
    return members
