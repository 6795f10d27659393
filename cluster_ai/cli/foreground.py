"""A cluster in this terminal: the supervisor is this very process."""

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

import structlog

from cluster_ai.cli import place, progress, show, welcome
from cluster_ai.cli.words import t
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.logging import configure
from cluster_ai.core.paths import Home

if TYPE_CHECKING:
    from cluster_ai.settings import Settings
    from cluster_ai.supervisor.control import Control

log = structlog.get_logger(__name__)
PAUSE = 0.1


def start_here(settings: "Settings") -> None:
    """Runs until a signal or ``cluster-ai down``; a person sees each change, a log collector gets JSON lines.

    Raises:
        AlreadyRuns, NotWritable, NoSpace, PortInUse: nothing was started.
    """
    watched = show.is_terminal(err=True)
    configure(component="supervisor", level="warning" if watched else settings.log_level)
    asyncio.run(_run(settings, watched=watched))


async def _run(settings: "Settings", *, watched: bool) -> None:
    from cluster_ai.parts import run_cluster

    telling = asyncio.ensure_future(_tell(settings, watched=watched))
    try:
        await run_cluster(settings)
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
    if watched:
        show.say(t("down.stopped"))


async def _tell(settings: "Settings", *, watched: bool) -> None:
    """Leaves the ports for later verbs as soon as the data directory is ours, then shows what changes."""
    from cluster_ai.supervisor.control import Control

    control = Control(settings.paths)
    await _until_ours(control)
    try:
        place.remember(settings.paths, settings.port_base)
    except OSError as exc:
        log.warning("later verbs must be told the ports", reason=exc.strerror)
    try:
        if watched:
            await _show_changes(control, settings.paths)
        await asyncio.Event().wait()
    finally:
        place.forget(settings.paths)


async def _until_ours(control: "Control") -> None:
    while True:
        with contextlib.suppress(Unavailable):
            if (await control.status()).pid == os.getpid():
                return
        await asyncio.sleep(PAUSE)


async def _show_changes(control: "Control", home: Home) -> None:
    lines, greeted = progress.Lines(), False
    while True:
        with contextlib.suppress(Unavailable):
            view = await control.status()
            lines.show(view)
            if view.ready and not greeted:
                greeted = True
                welcome.welcome(view, home)
                show.say(f"\n{t('up.stop_with')}")
        await asyncio.sleep(PAUSE)
