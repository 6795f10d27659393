"""A machine becomes one of the cluster: the head is known by its fingerprint, the key is made here and stays here.

Nothing is written before the head has said yes, and then the certificate before the membership: a machine that lost its
power in between has not joined, and can do so again.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cluster_ai.core.errors import Conflict, InvalidInput
from cluster_ai.node_agent.head import authority_of, reaching
from cluster_ai.node_agent.membership import write_membership
from cluster_ai.nodes.inventory import Inventory
from cluster_ai.nodes.lines import Line
from cluster_ai.nodes.types import AgentSettings, JoinReply, JoinRequest
from cluster_ai.pki.requests import key_pem, new_key, request_for
from cluster_ai.pki.store import Store


class AlreadyJoined(Conflict):
    """This machine is one of a cluster."""

    code = "already_joined"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What a machine says of itself. ``bind``: its address in the LAN; found by itself when empty."""

    name: str
    inventory: Inventory
    port: int
    bind: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a membership is kept."""

    membership: Path
    tls: Path


async def join(line: Line, newcomer: Newcomer, ground: Ground, *, now: Callable[[], float]) -> JoinReply:
    """Joins the cluster that the line leads to.

    Raises:
        AlreadyJoined: this machine is one of a cluster.
        HeadAway, WrongHead, JoinRefused, NameTaken: as they say.
    """
    if await asyncio.to_thread(ground.membership.exists):
        raise AlreadyJoined(
            "this machine is one of a cluster already",
            hint="to change it, leave that one first: cluster-ai agent leave",
        )
    authority, tls = await authority_of(line)
    bind = newcomer.bind or await asyncio.to_thread(address_towards, line.heads)
    key = new_key()
    request = JoinRequest(
        name=newcomer.name,
        request=request_for(key, newcomer.name),
        inventory=newcomer.inventory,
        addresses=(bind,),
        port=newcomer.port,
        labels=newcomer.labels,
        sent_at=now(),
    )
    async with reaching(tuple(f"https://{head}" for head in line.heads), tls) as head:
        reply = await head.join(request, line.token)
    await asyncio.to_thread(_keep, ground, reply, key_pem(key), authority, bind)
    return reply


def address_towards(heads: tuple[str, ...]) -> str:
    """This machine's address on the way to the head. Sends nothing.

    Raises:
        InvalidInput: there is no way.
    """
    why = ""
    for head in heads:
        parts = urlsplit(f"//{head}")
        try:
            rows = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, target = rows[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.connect(target)
                return str(probe.getsockname()[0])
        except OSError as exc:
            why = exc.strerror or str(exc)
    raise InvalidInput(f"this machine has no way to the head: {why}", hint="name its address in the LAN: --bind")


def host_label(text: str) -> str:
    """A host name as machines are called: small letters, digits and hyphens."""
    first = text.partition(".")[0].lower()
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in first).strip("-")
    return kept[:63].strip("-") or "machine"


def _keep(ground: Ground, reply: JoinReply, key: str, authority: str, bind: str) -> None:
    store = Store(ground.tls)
    # What was here before belongs to a cluster that this machine has left.
    store.remove()
    store.put_authority(authority)
    store.put_revoked(reply.revoked)
    store.put(key=key, certificate=reply.certificate)
    agent = AgentSettings.model_validate(
        {"head": reply.heads, "node_id": reply.node_id, "name": reply.name, "bind": bind, "scheduler": reply.scheduler}
    )
    write_membership(ground.membership, agent)
