"""The gateway as the API asks it: one process, or several on one port, each at its own door."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import aiohttp

from backend.relay import GatewayCalls
from backend.sources import HttpGateway
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.sockets import doors_in, short
from cluster_ai.gateway.nodes.summed import summed
from cluster_ai.gateway.types import DecisionView, GatewayView
from cluster_ai.gateway.watching.logged import DecisionsView

__all__ = ["GatewayCalls", "Gateways"]

T = TypeVar("T")
Ask = Callable[[HttpGateway], Awaitable[T]]
NAME = "gateway"
LOCAL = "http://localhost"
DOOR_SECONDS = 0.8
"""A process that hangs does not spoil what the others say."""


class Gateways:
    """All of this machine. ``front`` is what answers on the port, asked when nobody has a door in ``run``."""

    def __init__(self, front: HttpGateway, *, run: Path, token: str) -> None:
        self._front = front
        self._run = run
        self._token = token

    async def view(self) -> GatewayView:
        """What they say now, as one.

        Raises:
            Unavailable: none answers, or not as our gateway does.
        """
        return summed(await self._each(lambda gateway: gateway.view()))

    async def decisions(self, *, limit: int) -> DecisionsView:
        """Their last decisions, newest first. Raises as ``view``."""
        found = await self._each(lambda gateway: gateway.decisions(limit=limit))
        items = sorted((one for page in found for one in page.items), key=lambda one: one.age_seconds)
        return DecisionsView(items=tuple(items[:limit]))

    async def decision(self, request_id: str) -> DecisionView:
        """Why that request went where it went. Raises as ``view``, and:

        Raises:
            Forgotten: no process knows it, or not any more.
        """
        return (await self._each(lambda gateway: gateway.decision(request_id)))[0]

    async def _each(self, ask: Ask[T]) -> list[T]:
        """The answers of those that give one.

        Raises:
            ClusterError: what one of them said instead, when none does.
        """
        doors = await asyncio.to_thread(doors_in, self._run, NAME)
        if not doors:
            return [await ask(self._front)]
        said = await asyncio.gather(*(self._at(door, ask) for door in doors.values()))
        answers = [answer for answer, _ in said if answer is not None]
        if not answers:
            raise next(error for _, error in said if error is not None)
        return answers

    async def _at(self, door: Path, ask: Ask[T]) -> tuple[T | None, ClusterError | None]:
        """What the process behind one door answers, or why it does not: it may just have ended."""
        with short(door.parent, door.name) as path:
            connector = aiohttp.UnixConnector(path)
            async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
                try:
                    async with asyncio.timeout(DOOR_SECONDS):
                        return await ask(HttpGateway(session, url=LOCAL, token=self._token)), None
                except TimeoutError:
                    return None, Unavailable(f"the gateway at {door.name} does not answer")
                except ClusterError as exc:
                    return None, exc
