"""A worker of another machine: it waits for its scheduler for as long as that takes, and comes back when it does.

The head may be away for days. A process that ended each time would be started again and again, and at last be left
alone as one that only crashes; so this one stays, asks now and then, and says what it waits for once.
"""

import asyncio
import random
from typing import Final

import structlog

from cluster_ai.compute.lifetime import asked_to_stop
from cluster_ai.compute.places import Post
from cluster_ai.compute.versions import VersionsDiffer
from cluster_ai.compute.worker import prepare, serve
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.pki.types import NoCertificate

log = structlog.get_logger(__name__)

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 5.0
"""A connection that is refused costs the head nothing, and a home waits for its workers."""
TELL_AGAIN_SECONDS: Final = 3600.0
WORKED_SECONDS: Final = 15.0


def pause_after(tries: int, *, spread: float) -> float:
    """Seconds before the next try: 0.5, 1, 2, ... at most 5, each up to a half longer. ``spread`` is from 0 to 1.

    Many machines lose their head in the same moment; they must not come back in the same one.
    """
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries, 10))) * (1 + spread / 2)


class Waiting:
    """How long it has been going wrong, and whether that was said."""

    def __init__(self) -> None:
        self.tries = 0
        self._told: tuple[str, float] = ("", 0.0)

    def went_wrong(self, why: str, *, now: float) -> bool:
        """Notes one more failure; whether somebody should hear of it. ``now`` in seconds of any clock."""
        self.tries += 1
        before, at = self._told
        if why == before and now - at < TELL_AGAIN_SECONDS:
            return False
        self._told = (why, now)
        return True

    def went_well(self) -> None:
        self.tries = 0
        self._told = ("", 0.0)


def run(post: Post) -> None:
    """Runs nanny and worker whenever there is a scheduler, until SIGTERM or SIGINT.

    Raises:
        Conflict: a port is taken.
        Misconfigured: the address is none to listen on.
    """
    prepare(post)
    asyncio.run(_stay(post))


async def _stay(post: Post) -> None:
    asked, waiting, clock = asked_to_stop(), Waiting(), asyncio.get_running_loop().time
    while not asked.is_set():
        began = clock()
        try:
            await serve(post, asked, patience=0.0)
        except (Unavailable, VersionsDiffer, NoCertificate) as exc:
            # It worked for a while: this is a new story.
            if clock() - began > WORKED_SECONDS:
                waiting.went_well()
            if waiting.went_wrong(exc.message, now=clock()):
                _tell(post, exc)
        pause = pause_after(waiting.tries, spread=random.random())  # noqa: S311 - no secret
        try:
            async with asyncio.timeout(pause):
                await asked.wait()
        except TimeoutError:
            continue


def _tell(post: Post, exc: ClusterError) -> None:
    log.warning("worker waits for its scheduler", scheduler=post.scheduler, reason=exc.message, hint=exc.hint)
