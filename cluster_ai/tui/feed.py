"""Follows the API and tells the App: snapshots, or why there are none. Never gives up."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from cluster_ai.client import AsyncClient, Message, Reconnect
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.views import OverviewView

TOPIC: Final = "overview"
POLICY: Final = Reconnect(first=0.5, cap=5.0, silence=10.0)
REFUSED_SECONDS: Final = 5.0
"""Pause after a refusal that the client itself does not retry, such as a token that is no longer good."""


@dataclass(frozen=True, slots=True)
class Feed:
    """``connect`` is called for every fresh start, since a cluster made anew has another token."""

    connect: Callable[[], AsyncClient]
    on_overview: Callable[[OverviewView], None]
    on_trouble: Callable[[ClusterError, float], None]

    async def run(self) -> None:
        while True:
            try:
                await self._follow()
            except ClusterError as exc:
                self.on_trouble(exc, REFUSED_SECONDS)
            await asyncio.sleep(REFUSED_SECONDS)

    async def _follow(self) -> None:
        async with self.connect() as client:
            live = client.live(TOPIC, reconnect=POLICY, on_trouble=self.on_trouble)
            async with aclosing(live) as messages:
                async for message in messages:
                    self.on_overview(_read(message))


def _read(message: Message) -> OverviewView:
    try:
        return OverviewView.model_validate(message.data)
    except ValidationError as exc:
        raise Unavailable("the cluster's version does not fit this program's", hint="cluster-ai version") from exc
