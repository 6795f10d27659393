"""What the notify room works with, made of what it is given."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from cluster_ai.notify.courier import Courier
from cluster_ai.notify.figures import Figures
from cluster_ai.notify.given import Given
from cluster_ai.notify.guard import Guard, SystemLookup
from cluster_ai.notify.mail import Mailer
from cluster_ai.notify.sealing import Seal
from cluster_ai.notify.sending import Post
from cluster_ai.notify.vetting import Vetting


@dataclass(frozen=True, slots=True)
class Tools:
    """``guard``: where calls may go; ``courier``: who makes them; ``vetting``: what may be added; ``figures``: what
    was counted.
    """

    guard: Guard
    courier: Courier
    vetting: Vetting
    figures: Figures = field(default_factory=Figures)


async def tools_of(given: Given, stack: AsyncExitStack) -> Tools:
    """The tools, whose threads end with ``stack``.

    Raises:
        Misconfigured: the key that seals secrets is none, or the allow-list holds something else.
    """
    lookup = given.lookup
    if lookup is None:
        lookup = await stack.enter_async_context(SystemLookup())
    guard = Guard.of(given.settings.allow, lookup)
    vetting = Vetting.by(guard, given.chance.random)
    courier = Courier(
        seal=await asyncio.to_thread(Seal.load, given.secrets),
        send=Post(guard, given.chance.now, given.tls),
        mail=Mailer(given.settings.smtp, tls=given.tls),
        push=vetting.pusher,
        now=given.chance.now,
        sender=given.settings.smtp.sender,
        lang=given.lang,
        cluster=given.cluster,
    )
    return Tools(guard, courier, vetting)
