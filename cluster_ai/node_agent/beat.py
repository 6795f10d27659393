"""Heartbeats: the machine tells how it is, the head what it wants. While the head is away they go on, ever more seldom.

What must not be lost (how an order ended) is told again until a head has taken it in.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from cluster_ai.core.errors import ClusterError, Forbidden, NotFound
from cluster_ai.core.loops import heed_cancellation
from cluster_ai.node_agent.head import Expelled, HeadAway
from cluster_ai.nodes.inventory import Gauges, Inventory
from cluster_ai.nodes.types import Done, Heartbeat, HeartbeatReply, LocalModel, LocalService, Order, Wanted, WorkerShare

log = structlog.get_logger(__name__)
LONGEST_PAUSE: Final = 5.0
"""A head that comes back is heard of again after this at most."""
EXPELLED_TIMES: Final = 2
"""So often the head must say it, and take in nothing in between: a machine that joins anew shows its old certificate
for a moment."""
INVENTORY_SECONDS: Final = 60.0
_MILLISECONDS: Final = 1_000_000


class Sends(Protocol):
    """What the loop needs of ``cluster_ai.node_agent.head.Head``."""

    async def beat(self, beat: Heartbeat) -> HeartbeatReply: ...


@dataclass(frozen=True, slots=True)
class Now:
    """What a machine looks like at one moment."""

    gauges: Gauges = field(default_factory=Gauges)
    services: tuple[LocalService, ...] = ()
    models: tuple[LocalModel, ...] = ()
    share: WorkerShare | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """How the machine is read, and what it does about what is wanted. ``obey`` is called when that has changed."""

    inventory: Callable[[], Awaitable[Inventory]]
    now: Callable[[], Awaitable[Now]]
    obey: Callable[[Wanted], Awaitable[None]]
    do: Callable[[Order], Awaitable[Done]]
    revoked_number: Callable[[], Awaitable[int]]
    revoke: Callable[[str], Awaitable[None]]
    expelled: Callable[[], Awaitable[None]]
    """Called once when the head has taken this machine out."""


@dataclass(frozen=True, slots=True)
class Self:
    """Who this machine is, and where its own door listens."""

    node_id: str
    addresses: tuple[str, ...]
    port: int


@dataclass(slots=True)
class Beats:
    """Owns the conversation with the head."""

    me: Self
    body: Body
    seconds: float = 1.0
    reply: HeartbeatReply | None = None
    """The last one."""
    head_since: float | None = None
    """Monotonic seconds since when the head has answered without a pause; None while it is away."""
    why_away: str = ""
    _inventory: Inventory | None = None
    _inventory_at: float = 0.0
    _told: Inventory | None = None
    _obeyed: Wanted | None = None
    _refused: str = ""
    """Why what is wanted is not done yet; empty once it is."""
    _done: dict[str, Done] = field(default_factory=dict)
    _doing: dict[str, asyncio.Task[Done]] = field(default_factory=dict)
    _misses: int = 0
    _expelled: int = 0
    """How often the head said that this machine is out, since it last took in a heartbeat."""

    async def run(self, head: Sends) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self.tick(head, tasks)
                except Exception:  # a machine that stumbles once must not fall silent
                    log.exception("a heartbeat stumbled")
                heed_cancellation()
                await asyncio.sleep(self.pause())

    def pause(self) -> float:
        """Seconds until the next one: doubled with every miss, and never the same for all machines of a LAN."""
        away = self.seconds * float(1 << min(self._misses, 8))
        return min(away, max(LONGEST_PAUSE, self.seconds)) * random.uniform(0.9, 1.0)  # noqa: S311 - spreads load

    async def tick(self, head: Sends, tasks: asyncio.TaskGroup) -> None:
        """One heartbeat, and what its answer asks for."""
        beat = await self._beat()
        try:
            reply = await head.beat(beat)
        except (HeadAway, Forbidden, NotFound) as exc:
            self._missed(exc)
            await self._is_out(exc)
            return
        except ClusterError as exc:
            # It lives, but cannot take this in just now.
            log.warning("the head did not take the heartbeat", code=exc.code, reason=exc.message)
            self._misses += 1
            return
        await self._heard(reply, beat, tasks)

    async def _beat(self) -> Heartbeat:
        clock = time.monotonic()
        if self._inventory is None or clock - self._inventory_at > INVENTORY_SECONDS:
            self._inventory, self._inventory_at = await self.body.inventory(), clock
        now = await self.body.now()
        return Heartbeat(
            node_id=self.me.node_id,
            # Grows over restarts of this process, and begins anew with the boot that stands beside it.
            number=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // _MILLISECONDS,
            boot_id=self._inventory.boot_id[:64],
            sent_at=time.time(),
            addresses=self.me.addresses,
            port=self.me.port,
            inventory=self._inventory if self._inventory != self._told else None,
            gauges=now.gauges,
            services=now.services,
            models=now.models,
            share=now.share,
            done=tuple(self._done.values())[:64],
            revoked_number=await self.body.revoked_number(),
        )

    async def _heard(self, reply: HeartbeatReply, beat: Heartbeat, tasks: asyncio.TaskGroup) -> None:
        if self.head_since is None:
            log.info("the head answers")
            self.head_since = time.monotonic()
        self._misses, self._expelled, self.why_away = 0, 0, ""
        self._told = None if reply.send_inventory else (beat.inventory or self._told)
        for done in beat.done:
            self._done.pop(done.order, None)
        self.seconds = reply.heartbeat_seconds
        if reply.revoked:
            await self.body.revoke(reply.revoked)
        self.reply = reply
        if reply.wanted != self._obeyed:
            await self._obey(reply.wanted)
        for order in reply.wanted.orders:
            if order.id not in self._doing and order.id not in self._done:
                self._doing[order.id] = tasks.create_task(self._do(order))

    async def _obey(self, wanted: Wanted) -> None:
        """What cannot be done just now is tried again with the next answer."""
        try:
            await self.body.obey(wanted)
        except ClusterError as exc:
            if self._refused != exc.message:
                # Each answer tries it again: the same reason is told once.
                log.warning("what the head wants is not done yet", code=exc.code, reason=exc.message)
            # Part of it may be done: whatever is wanted next is carried out, were it what was wanted before.
            self._obeyed, self._refused = None, exc.message
        else:
            self._obeyed, self._refused = wanted, ""

    async def _do(self, order: Order) -> Done:
        try:
            done = await self.body.do(order)
        except ClusterError as exc:
            done = Done(order=order.id, error=f"{exc.message} ({exc.code})"[:512])
        except Exception as exc:  # whoever gave the order is told, whatever it was
            log.exception("an order stumbled", order=order.verb)
            done = Done(order=order.id, error=repr(exc)[:512])
        self._done[order.id] = done
        self._doing.pop(order.id, None)
        return done

    async def _is_out(self, exc: ClusterError) -> None:
        if not isinstance(exc, Expelled):
            return
        self._expelled += 1
        if self._expelled == EXPELLED_TIMES:
            await self.body.expelled()

    def _missed(self, exc: ClusterError) -> None:
        if self.head_since is not None or not self.why_away:
            log.warning("the head is away", code=exc.code, reason=exc.message)
        self.head_since, self.why_away = None, exc.message
        # Whoever comes back may have forgotten everything.
        self._told = None
        self._misses += 1
