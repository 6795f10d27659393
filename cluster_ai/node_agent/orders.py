"""What the head orders is done once, one after the other, whatever happens to this process meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from cluster_ai.core.errors import ClusterError, Unsupported
from cluster_ai.node_agent.ledger import CannotRemember, Entry, Ledger, Present, begun
from cluster_ai.nodes.types import Done, Order

log = structlog.get_logger(__name__)

GOING_SECONDS: Final = 300.0
"""A machine that was told to restart, and has not gone down by then, will not."""
OWN_PART: Final = "agent"
RESTART_SECONDS: Final = 30.0


class Part(Protocol):
    """What is asked of ``supervisor.types.PartView``."""

    @property
    def name(self) -> str: ...


class Parts(Protocol):
    """What is asked of ``supervisor.types.SupervisorView``."""

    @property
    def parts(self) -> tuple[Part, ...]: ...


class Supervises(Protocol):
    """What is needed of ``supervisor.control.Control``."""

    async def status(self) -> Parts: ...

    async def restart(self, part: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Deeds:
    """How each order is done; whoever cannot raises ``ClusterError``. ``upgrade`` and ``leave`` are given."""

    reboot: Callable[[], Awaitable[None]]
    restart: Callable[[str], Awaitable[None]]
    upgrade: Callable[[str], Awaitable[None]]
    leave: Callable[[], Awaitable[None]]


class Orders:
    """Orders that were done before, in this life or an earlier one, are told again and not done again."""

    def __init__(self, ledger: Ledger, deeds: Deeds, present: Present, *, going_seconds: float = GOING_SECONDS) -> None:
        self._ledger = ledger
        self._deeds = deeds
        self._present = present
        self._going_seconds = going_seconds
        self._one_at_a_time = asyncio.Lock()

    async def do(self, order: Order) -> Done:
        """How it ended. Of one that ends this process nothing comes back: its next life tells."""
        async with self._one_at_a_time:
            before = await asyncio.to_thread(self._ledger.find, order.id)
            entry = begun(order, before, self._present)
            if entry != before:
                try:
                    await asyncio.to_thread(self._ledger.write, entry)
                except CannotRemember as exc:
                    return Done(order=order.id, error=_words(exc))
            if not entry.done:
                entry = await self._done(entry)
            return entry.told()

    async def _done(self, entry: Entry) -> Entry:
        log.info("an order is done", order=entry.id, verb=entry.verb, argument=entry.argument, time=entry.tries)
        try:
            await self._deed(entry)
        except ClusterError as exc:
            log.warning("an order was not done", order=entry.id, verb=entry.verb, reason=exc.message)
            ended = entry.ended(_words(exc))
        else:
            ended = entry.ended()
        # What cannot be written down now is found begun by the next life, which looks whether it was done.
        try:
            await asyncio.to_thread(self._ledger.write, ended)
        except CannotRemember as exc:
            log.warning("how an order ended is not remembered", order=entry.id, reason=exc.message)
        return ended

    async def _deed(self, entry: Entry) -> None:
        match entry.verb:
            case "reboot":
                await self._deeds.reboot()
                await asyncio.sleep(self._going_seconds)
                raise Unsupported(f"the machine has not gone down within {self._going_seconds:.0f} s")
            case "restart":
                await self._deeds.restart(entry.argument)
            case "upgrade":
                await self._deeds.upgrade(entry.argument)
            case "leave":
                await self._deeds.leave()
            case verb:
                raise Unsupported(
                    f"this machine does not know the order {verb!r}", hint="bring it to the version of the head"
                )


def _words(error: ClusterError) -> str:
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    return text[:512]


async def restart_parts(supervisor: Supervises, part: str, *, own_seconds: float = RESTART_SECONDS) -> None:
    """Restarts ``part``, or all of them when it is empty, this process last.

    Raises:
        NotFound: no part is called so.
        Unavailable: no supervisor runs here.
    """
    names = [part] if part else [found.name for found in (await supervisor.status()).parts]
    for name in sorted(names, key=lambda name: name == OWN_PART):
        await supervisor.restart(name)
    if OWN_PART in names:
        # The supervisor answers before it ends us.
        await asyncio.sleep(own_seconds)
