"""What the gateway holds while it is open: its room, what watches calls, and who knows callers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backend.gateway.inside import Inside
from backend.gateway.porter import Porter
from backend.gateway.reload import Reloading
from backend.gateway.siblings import Siblings
from cluster_ai.gateway.room import Lan, Room, open_room
from cluster_ai.gateway.types import GatewaySettings, GatewayView, Watched
from cluster_ai.keys.credentials import Rules
from cluster_ai.keys.opening import KeysConfig


@dataclass(frozen=True, slots=True)
class Machines:
    """Of the cluster: how they are reached, and what keeps up with which there are."""

    lan: Lan
    following: Callable[[Room], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a gateway is made of.

    ``embedded_url`` is the base address of the embedded node, None when there is none; ``internal_token`` what our own
    processes show; ``watched`` where calls that are over are told of, beside the metrics; ``porter`` knows API keys,
    and none where there is none; ``reloading`` reads the configuration again, when asked; ``counting`` tells other
    gateways which nodes are busy; ``siblings`` are the other processes on its port; ``machines`` reaches those of
    the cluster.
    """

    settings: GatewaySettings
    embedded_url: str | None
    internal_token: str
    watched: Watched | None = None
    porter: Porter | None = None
    reloading: Reloading | None = None
    siblings: Siblings | None = None
    counting: Callable[[Room], AbstractAsyncContextManager[None]] | None = None
    machines: Machines | None = None
    frozen: Path | None = None
    """The file in which the API says what is frozen."""


@dataclass(slots=True)
class Life:
    """One gateway, from before it opens until after it closed. ``room`` is None unless it is open."""

    plan: Plan
    inside: Inside = field(init=False)
    porter: Porter = field(init=False)
    room: Room | None = None

    def __post_init__(self) -> None:
        plan = self.plan
        self.inside = Inside(plan.internal_token, self.view)
        self.porter = plan.porter or _alone(plan)

    def view(self) -> GatewayView | None:
        """What is known of nodes and traffic; None while the gateway is not open."""
        return self.room.view() if self.room else None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """The gateway takes requests inside the block."""
        plan, observing = self.plan, self.inside.observing
        observers = (observing.observe, self.porter.observe)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(observing.running(plan.watched or Watched(plan.settings)))
            await stack.enter_async_context(self.porter.on_duty())
            room = open_room(
                plan.settings,
                embedded_url=plan.embedded_url,
                observers=observers,
                lan=plan.machines.lan if plan.machines else None,
            )
            self.room = await stack.enter_async_context(room)
            if plan.reloading is not None:
                await stack.enter_async_context(plan.reloading.on_signal(self.room))
            if plan.counting is not None:
                await stack.enter_async_context(plan.counting(self.room))
            if plan.machines is not None:
                await stack.enter_async_context(plan.machines.following(self.room))
            try:
                yield
            finally:
                self.room = None


def rules_of(settings: GatewaySettings, internal_token: str) -> Rules:
    """How callers without a key are treated."""
    return Rules(settings.anonymous, internal_token, settings.resume, settings.hedge)


def _alone(plan: Plan) -> Porter:
    """Knows no keys, and counts for itself."""
    return Porter(KeysConfig(rules_of(plan.settings, plan.internal_token)))
