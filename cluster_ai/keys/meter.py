"""Holds keys to their limits: counted before a call, corrected after it, together with other gateways where asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

import structlog

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.loops import every, heed_cancellation
from cluster_ai.core.values import value
from cluster_ai.keys.types import Limits
from cluster_ai.keys.windows import Claim, Correction, Counters, Taken, claims_of, corrected, reached

log = structlog.get_logger(__name__)

MOST_CORRECTIONS: Final = 10_000
CHECK_SECONDS: Final = 1.0
FORGET_SECONDS: Final = 60.0


class Shared(Protocol):
    """Counters that several processes share; every method may raise ``Unavailable``."""

    async def take(self, key_id: str, claims: tuple[Claim, ...]) -> Taken: ...

    async def add(self, key_id: str, claims: tuple[Claim, ...], *, at: float) -> None: ...

    async def warm(self) -> None: ...


@value
class Reservation:
    """What was counted for a call before it began."""

    key_id: str
    claims: tuple[Claim, ...]
    at: float
    together: bool
    """Whether it was counted together with other gateways."""


class Meter:
    """Counts for one gateway process; ``shared`` is None when it counts alone."""

    def __init__(self, *, now: Callable[[], float], shared: Shared | None = None) -> None:
        self._now = now
        self._own = Counters()
        self._shared = shared
        self._away = False
        self._corrections: asyncio.Queue[Correction] = asyncio.Queue(MOST_CORRECTIONS)

    async def reserve(self, key_id: str, limits: Limits, *, tokens: int) -> Reservation | None:
        """Counts one request and the ``tokens`` expected of it; None when the key has no limit.

        Raises:
            LimitReached: nothing was counted; says which limit and when it ends.
        """
        if not (claims := claims_of(limits, tokens=max(0, tokens))):
            return None
        together = await self._take_together(key_id, claims)
        taken = together or self._own.take(key_id, claims, now=self._now())
        if taken.refused is not None:
            raise reached(taken.refused, at=taken.at)
        return Reservation(key_id, claims, taken.at, together=together is not None)

    def settle(self, reservation: Reservation, *, used: int) -> None:
        """Corrects the tokens expected to those ``used``. At once here, within moments for other gateways."""
        claims = corrected(reservation.claims, used=used)
        self._correct_later(reservation.key_id, claims, reservation.at, together=reservation.together)

    def charge(self, key_id: str, limits: Limits, *, used: int) -> None:
        """Counts the tokens of a call for which nothing was claimed."""
        self._correct_later(key_id, corrected(claims_of(limits, tokens=0), used=used), self._now(), together=True)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Passes corrections on, looks after Redis and clears away inside the block."""
        if self._shared is not None:
            try:
                await self._shared.warm()
            except Unavailable as exc:
                self._lose(exc)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(every(FORGET_SECONDS, self._forget, name="limits"))]
            if self._shared is not None:
                running.append(tasks.create_task(every(CHECK_SECONDS, self.check, name="shared limits")))
                running.append(tasks.create_task(self._correct()))
            try:
                yield
            finally:
                for task in running:
                    task.cancel()

    async def check(self) -> None:
        """Goes back to counting together once Redis answers again."""
        if self._shared is None or not self._away:
            return
        try:
            await self._shared.warm()
        except Unavailable:
            return
        self._away = False
        log.info("limits are counted together again")

    async def _take_together(self, key_id: str, claims: tuple[Claim, ...]) -> Taken | None:
        """None when this gateway counts alone."""
        if self._shared is None or self._away:
            return None
        try:
            taken = await self._shared.take(key_id, claims)
        except Unavailable as exc:
            self._lose(exc)
            return None
        if taken.refused is None:
            # Kept here as well, so that nobody begins at zero when Redis goes away.
            self._own.add(key_id, claims, at=taken.at)
        return taken

    def _correct_later(self, key_id: str, claims: tuple[Claim, ...], at: float, *, together: bool) -> None:
        if not claims:
            return
        self._own.add(key_id, claims, at=at)
        if self._shared is None or self._away or not together:
            return
        try:
            self._corrections.put_nowait(Correction(key_id, claims, at))
        except asyncio.QueueFull:
            log.warning("corrections of limits are lost", waiting=MOST_CORRECTIONS)

    async def _correct(self) -> None:
        assert self._shared is not None, "only what is shared is passed on"
        while True:
            correction = await self._corrections.get()
            try:
                await self._shared.add(correction.key_id, correction.claims, at=correction.at)
            except Unavailable as exc:
                self._lose(exc)
            heed_cancellation()

    def _lose(self, reason: Unavailable) -> None:
        if not self._away:
            self._away = True
            log.warning("each gateway counts limits for itself", reason=reason.message)

    async def _forget(self) -> None:
        self._own.forget(now=self._now())
