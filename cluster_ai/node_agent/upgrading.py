"""This machine brought to the version of the head: fetched, unfolded beside what runs, and tried.

The work is the installer's own step, in a process of its own; the new version is started by whatever started this one.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from cluster_ai import __version__
from cluster_ai.core.errors import Unavailable, Unsupported
from cluster_ai.core.ids import new_id
from cluster_ai.core.paths import Home
from cluster_ai.node_agent.ledger import Present
from cluster_ai.nodes.bundle import switch
from cluster_ai.nodes.sensors.system import boot_id
from cluster_ai.nodes.sensors.tree import Tree

log = structlog.get_logger(__name__)
STEP_SECONDS: Final = 3600.0
"""A slow line, a slow disk, and a head that first has to make the bundle."""
GOING_SECONDS: Final = 60.0
END_SECONDS: Final = 10.0
_WORDS: Final = 400


@dataclass(frozen=True, slots=True)
class Installed:
    """``prefix`` is where the program is installed; None for a checkout."""

    prefix: Path | None
    home: Path

    def version(self) -> str:
        """As exactly as it is known. Blocks."""
        return (switch.current(self.prefix) if self.prefix else "") or __version__

    def went_back(self) -> str:
        """A version that was tried last, and did not stay. Blocks."""
        return switch.failed(self.prefix) if self.prefix else ""

    def present(self) -> Present:
        """How the machine is at the start of a life. Blocks."""
        return Present(boot_id(Tree()), self.version(), new_id(), self.went_back())

    def confirm(self) -> None:
        """The head has heard from this version. Blocks."""
        if self.prefix is not None and switch.confirm(self.prefix):
            log.info("this version stays: the head has heard from it")


def installed_in(home: Home) -> Installed:
    """This program, as it lies on this machine. Blocks."""
    return Installed(switch.prefix_of(), home.root)


async def upgrade(installed: Installed, stop: Callable[[], Awaitable[None]]) -> None:
    """Has the head's version run; ends this process unless it is that version already.

    ``stop`` ends the program; whoever started it starts the new version.

    Raises:
        Unsupported: the program runs from a checkout.
        Unavailable: the head's version could not be fetched, or does not run here.
    """
    prefix = installed.prefix
    if prefix is None:
        raise Unsupported("this machine runs a checkout, which nobody upgrades from afar", hint="git pull there")
    await asyncio.to_thread(switch.forget_failure, prefix)
    before = await asyncio.to_thread(switch.current, prefix)
    name = await _fetched(prefix, installed.home)
    if name == before:
        return
    log.info("a new version is tried", before=before, name=name)
    await stop()
    await asyncio.sleep(GOING_SECONDS)
    raise Unavailable(f"{name} is here and was not started", hint="start this machine's service again")


async def _fetched(prefix: Path, home: Path) -> str:
    """Name of the version that is on trial now, or ran before."""
    command = ("-P", "-m", "cluster_ai.nodes.bundle.steps", "upgrade", "--prefix", str(prefix), "--home", str(home))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(STEP_SECONDS):
            told, said = await process.communicate()
    except TimeoutError as exc:
        raise Unavailable("fetching the head's version took too long") from exc
    finally:
        await _ended(process)
    if process.returncode != 0:
        words = said.decode("utf-8", "replace").strip().splitlines()
        raise Unavailable(words[-1][:_WORDS] if words else f"the upgrade ended with {process.returncode}")
    answers = dict(line.partition("=")[::2] for line in told.decode("utf-8", "replace").splitlines())
    return answers.get("name", "")


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
