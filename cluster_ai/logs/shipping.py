"""Copies of lines on their way to another log store. What waits for it is our own store, which has a bound.

A sink that was away gets what it missed, as long as it is back before these lines are removed here; those that it
never got are counted.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import aiohttp
import structlog

from cluster_ai.core.bodies import read_up_to
from cluster_ai.core.db_errors import DatabaseUnavailable
from cluster_ai.logs.sinks import Sink, Verdict
from cluster_ai.logs.store import LogStore
from cluster_ai.logs.types import LogLine

__all__ = ["Shipper", "Sink"]

log = structlog.get_logger(__name__)

TOGETHER: Final = 500
SECONDS: Final = 10.0
IDLE: Final = 30.0
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
_LONGEST_ANSWER: Final = 1024 * 1024


class Shipper:
    """One sink's courier. ``sent``, ``refused`` and ``missed`` count lines since it was made."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._woken = asyncio.Event()
        self._most = TOGETHER
        self.sent = self.refused = self.missed = 0
        self.waiting = 0
        """Lines that it has not taken yet, as of the last try."""
        self.trouble = ""

    @property
    def name(self) -> str:
        return self._sink.name

    def wake(self) -> None:
        """There are new lines."""
        self._woken.set()

    async def run(self, store: LogStore) -> None:
        """Sends until it is cancelled; longer and longer pauses while the sink is away."""
        limits = aiohttp.ClientTimeout(total=SECONDS)
        pause = 0.0
        # A proxy from the environment must not see the sink's key.
        async with aiohttp.ClientSession(timeout=limits, trust_env=False) as session:
            while True:
                self._woken.clear()
                try:
                    went_well = await self.tick(store, session)
                except DatabaseUnavailable as exc:
                    # Our own disk is full, mostly: what was sent is sent again, and known there.
                    went_well, self.trouble = False, exc.message
                pause = 0.0 if went_well else min(LONGEST_PAUSE, pause * 2 or FIRST_PAUSE)
                if pause:
                    await asyncio.sleep(pause)
                elif not self.waiting:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(IDLE):
                            await self._woken.wait()

    async def tick(self, store: LogStore, session: aiohttp.ClientSession) -> bool:
        """Sends one batch; whether that went well, or there was none.

        Raises:
            DatabaseUnavailable: the store cannot be used.
        """
        newest, last = await store.newest(), await store.sent(self.name)
        if last is None:
            # From the moment on at which somebody configured it.
            await store.mark_sent(self.name, newest)
            last = newest
        lines = await store.after(last, limit=self._most)
        self.waiting = max(0, newest - last)
        if not lines:
            return True
        verdict = await self._post(lines, store=await store.name(), session=session)
        self._note(verdict)
        if verdict.smaller:
            self._most = max(1, len(lines) // 2)
        if verdict.again:
            return verdict.smaller
        self._most = min(TOGETHER, self._most * 2)
        self.missed += max(0, lines[0].number - last - 1)
        self.sent += len(lines) - verdict.refused
        self.refused += verdict.refused
        await store.mark_sent(self.name, lines[-1].number)
        self.waiting = max(0, newest - lines[-1].number)
        return True

    async def _post(self, lines: Sequence[LogLine], *, store: str, session: aiohttp.ClientSession) -> Verdict:
        asked = self._sink.ask(lines, store=store)
        call = session.post(asked.url, data=asked.body, headers=asked.headers, allow_redirects=False)
        try:
            async with call as response:
                body = await read_up_to(response.content, _LONGEST_ANSWER)
                return self._sink.verdict(response.status, body, lines=len(lines))
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            return Verdict(again=True, reason=(str(exc) or type(exc).__name__)[:200])

    def _note(self, verdict: Verdict) -> None:
        """Says once when it goes away, and once when it is back: these lines are collected and sent, too."""
        trouble = verdict.reason if verdict.again and not verdict.smaller else ""
        if trouble and not self.trouble:
            log.warning("a log sink does not take lines", sink=self.name, reason=trouble)
        if self.trouble and not trouble:
            log.info("a log sink takes lines again", sink=self.name)
        if verdict.refused:
            log.warning("a log sink refused lines", sink=self.name, lines=verdict.refused, reason=verdict.reason)
        self.trouble = trouble
