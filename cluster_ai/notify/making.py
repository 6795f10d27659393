"""The notify room put together, without its loops."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from cluster_ai.core.db import Database
from cluster_ai.notify import inbound, signing, ticket_hooks
from cluster_ai.notify.fanout import Fanout
from cluster_ai.notify.given import Around, Given
from cluster_ai.notify.outbound import Outbound
from cluster_ai.notify.service import Webhooks
from cluster_ai.notify.settling import Settling
from cluster_ai.notify.tools import Tools, tools_of


@dataclass(frozen=True, slots=True)
class Notify:
    """The room. ``fanout`` and ``outbound`` have ticks, which loops call, and tests."""

    webhooks: Webhooks
    inbound: inbound.Inbound
    fanout: Fanout
    outbound: Outbound
    tools: Tools


async def made(database: Database, given: Given, around: Around, stack: AsyncExitStack) -> Notify:
    """The room; what it holds open ends with ``stack``.

    Raises:
        Misconfigured: a key or the allow-list holds something else.
    """
    tools, chance = await tools_of(given, stack), given.chance
    figures = tools.figures
    settling = Settling(database, chance, given.patience, figures.reckon, around.tell)
    outbound = Outbound(database, courier=tools.courier, settling=settling, now=chance.now)
    webhooks = Webhooks(database, courier=tools.courier, vetting=tools.vetting, chance=chance, wake=outbound.wake)
    shared = await asyncio.to_thread(inbound.load_secret, given.secrets / ticket_hooks.NAME, chance.random)
    hooks = ticket_hooks.TicketHooks(tools.guard, tools.courier.seal, chance, shared)
    fanout = Fanout(database, chance=chance, figures=figures, own=hooks.wanted)
    theirs = await asyncio.to_thread(inbound.load_secret, given.secrets / inbound.NAME, chance.random)
    door = inbound.Inbound(database, signing.key_of(theirs), chance.now, figures.refuse, around.completed)
    return Notify(webhooks, door, fanout, outbound, tools)
