"""What an addition over SSH takes from the cluster of this machine: a join line, the installer, word of its reports."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cluster_ai.cli import place
from cluster_ai.client import machines
from cluster_ai.client.aio import AsyncClient
from cluster_ai.nodes.bundle.identity import program_root
from cluster_ai.nodes.ssh import keys
from cluster_ai.nodes.ssh.probe import Probed
from cluster_ai.nodes.ssh.steps import INSTALLER, Crew, Invited, OwnKey
from cluster_ai.settings import Settings

PREFIX: Final = ".local/lib/cluster-ai"
"""Where the installer puts the program of a user."""
_LOOK_SECONDS: Final = 0.5


class Kit:
    """The installer alone: it fetches the rest from this head, and checks it by the join line."""

    async def files(self, found: Probed) -> Mapping[str, bytes | Path]:
        del found
        return {INSTALLER: program_root() / INSTALLER}

    def program(self, found: Probed) -> str:
        return f"{found.home}/{PREFIX}/bin/cluster-ai"


class Cluster:
    """Join lines and reports, by the API."""

    def __init__(self, client: AsyncClient, labels: tuple[str, ...]) -> None:
        self._client = client
        self._labels = labels

    async def make(self) -> Invited:
        made = await self._client.send(machines.invite(minutes=None, labels=self._labels))
        return Invited(made.invitation.id, made.line)

    async def revoke(self, invited: Invited) -> None:
        """The line opens nothing any more; and who came by it is taken out again."""
        ended = await self._client.send(machines.revoke_invitation(invited.id))
        if ended.used_by:
            await self._client.send(machines.remove_machine(ended.used_by))

    async def first(self, invited: Invited) -> str:
        while True:
            found = await self._client.send(machines.invitations())
            name = next((one.used_by for one in found if one.id == invited.id), "")
            if name and await self._is_heard(name):
                return name
            await asyncio.sleep(_LOOK_SECONDS)

    async def _is_heard(self, name: str) -> bool:
        """Whether the head has called the machine back: it may have joined and be out of reach."""
        known = await self._client.send(machines.machines())
        return any(one.name == name and one.reachable for one in known)


@asynccontextmanager
async def crew_of(name: str, labels: tuple[str, ...], *, leave_key: bool) -> AsyncIterator[Crew]:
    """Everything for one addition; the cluster of this data directory must run.

    Raises:
        Unavailable: it does not.
    """
    settings = await asyncio.to_thread(place.settings)
    key = await asyncio.to_thread(_own_key, settings) if leave_key else None
    options = ("--name", name) if name else ()
    async with AsyncClient.local(settings) as client:
        cluster = Cluster(client, labels)
        yield Crew(kit=Kit(), invitations=cluster, reports=cluster, key=key, options=options)


def _own_key(settings: Settings) -> OwnKey | None:
    """The cluster's key, good from this head's addresses; None where it has none that a machine could compare."""
    said = (settings.machines.bind or "", *settings.machines.names)
    addresses = tuple(one for one in said if _is_address(one))
    if not addresses:
        return None
    public = keys.ensure(place.home().secrets / "ssh" / "id_ed25519", "cluster-ai-head")
    return OwnKey(public, addresses)


def _is_address(text: str) -> bool:
    try:
        return not ip_address(text).is_unspecified
    except ValueError:
        return False
