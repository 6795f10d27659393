"""A machine becomes one of ours over SSH: the same installer that a person would run there, fed with a join line.

Whatever fails is told by its cause, and what was done is taken back.
"""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.ssh.causes import AlreadyThere, DidNotReport, NotFit
from cluster_ai.nodes.ssh.installer import run_installer, sh
from cluster_ai.nodes.ssh.keys import Rights, install
from cluster_ai.nodes.ssh.probe import Probed, findings, probe
from cluster_ai.nodes.ssh.session import Session
from cluster_ai.nodes.ssh.steps import Crew, Invited, Sign, Stage, Step, Tell
from cluster_ai.nodes.ssh.undo import Undo

ENDS: Final = 'test -e "$HOME/.config/systemd/user/cluster-ai.service" && test ! -e "/var/lib/systemd/linger/$(id -un)"'
"""True where a service of the user runs that the system ends with the user's last session."""
ALREADY_SECONDS: Final = 15.0
"""The installer has heard from the head before it ends, so a line that was used is known as such by then."""


@dataclass(frozen=True, slots=True)
class Added:
    """The machine's name in the cluster, and what it told of itself."""

    name: str
    found: Probed
    stays: bool = True
    """Also when nobody is signed in there; a user's systemd ends with the last session unless it lingers."""


async def add(session: Session, crew: Crew, tell: Tell) -> Added:
    """Sets the machine of ``session`` up and waits until the head has heard of it.

    Raises:
        NotFit: it lacks something; nothing was copied.
        CommandFailed: the installer ended with an error.
        DidNotReport: it was installed and stayed silent; it was taken back.
        AlreadyThere: the program was there before, and stays as it was.
        ClusterError: whatever else of ``causes``.
    """
    found = await _probed(session, crew, tell)
    async with Undo(partial(_undone, tell)) as undo:
        invited = await _invited(crew, undo, tell)
        folder = await _copied(session, crew, found, undo=undo, tell=tell)
        program = crew.kit.program(found)
        is_new = await run_installer(session, crew, invited, folder=folder, program=program, undo=undo, tell=tell)
        name = await _reported(session, crew, invited, is_new=is_new, tell=tell)
        undo.keep()
    # From here on it is one of ours: what cannot be tidied up or added is no reason to take it out again.
    with suppress(ClusterError):
        await sh(session, "removing the installer's files", "rm", "-rf", "--", folder)
    await _key_left(session, crew, found, tell)
    return Added(name, found, await _stays(session))


async def _stays(session: Session) -> bool:
    """Whether its service goes on when this connection ends. One that does not say is believed to."""
    with suppress(ClusterError):
        return (await session.run(["sh", "-c", ENDS], seconds=15.0)).status != 0
    return True


async def _probed(session: Session, crew: Crew, tell: Tell) -> Probed:
    tell(Step(Stage.PROBE, Sign.BEGUN))
    found = await probe(session)
    tell(Step(Stage.PROBE, Sign.DONE, f"{found.system}, {found.architecture}, Python {found.python or '-'}"))
    tell(Step(Stage.CHECK, Sign.BEGUN))
    if wrong := findings(found, str(session.target), crew.needs):
        raise wrong[0] if len(wrong) == 1 else NotFit(str(session.target), wrong)
    tell(Step(Stage.CHECK, Sign.DONE))
    return found


async def _invited(crew: Crew, undo: Undo, tell: Tell) -> Invited:
    tell(Step(Stage.INVITE, Sign.BEGUN))
    invited = await crew.invitations.make()
    undo.note("join_line", partial(crew.invitations.revoke, invited))
    tell(Step(Stage.INVITE, Sign.DONE))
    return invited


async def _copied(session: Session, crew: Crew, found: Probed, *, undo: Undo, tell: Tell) -> str:
    """Everything that the installer needs, in a folder of its own that nobody else may read."""
    tell(Step(Stage.COPY, Sign.BEGUN))
    content = await crew.kit.files(found)
    folder = f"{found.home}/.cache/cluster-ai-{secrets.token_hex(8)}"
    undo.note("copied_files", partial(sh, session, "removing the copied files", "rm", "-rf", "--", folder))
    await sh(session, "a folder to copy to", "sh", "-c", 'umask 077 && mkdir -p -- "$1"', "sh", folder)
    await _put_all(session, content, folder, tell)
    tell(Step(Stage.COPY, Sign.DONE))
    return folder


async def _put_all(session: Session, content: Mapping[str, bytes | Path], folder: str, tell: Tell) -> None:
    for name, data in content.items():

        def moved(done: int, total: int, name: str = name) -> None:
            tell(Step(Stage.COPY, Sign.MOVED, name, done, total))

        await session.put(data, f"{folder}/{name}", mode=0o700 if name.endswith(".sh") else 0o600, told=moved)


async def _reported(session: Session, crew: Crew, invited: Invited, *, is_new: bool, tell: Tell) -> str:
    """Waits for it. One that was there before is as it was, and may have had no reason to join once more."""
    tell(Step(Stage.REPORT, Sign.BEGUN))
    seconds = crew.report_seconds if is_new else min(crew.report_seconds, ALREADY_SECONDS)
    try:
        async with asyncio.timeout(seconds):
            name = await crew.reports.first(invited)
    except TimeoutError as exc:
        place = str(session.target)
        raise (DidNotReport(place, seconds) if is_new else AlreadyThere(place)) from exc
    tell(Step(Stage.REPORT, Sign.DONE, name))
    return name


async def _key_left(session: Session, crew: Crew, found: Probed, tell: Tell) -> None:
    if crew.key is None:
        return
    tell(Step(Stage.KEY, Sign.BEGUN))
    rights = Rights(crew.key.addresses, crew.kit.program(found))
    try:
        await install(session, crew.key.public, rights, home=found.home)
    except ClusterError as exc:
        tell(Step(Stage.KEY, Sign.FAILED, exc.message))
    else:
        tell(Step(Stage.KEY, Sign.DONE))


def _undone(tell: Tell, what: str, problem: ClusterError | None) -> None:
    if problem is None:
        tell(Step(Stage.UNDO, Sign.DONE, what))
    else:
        tell(Step(Stage.UNDO, Sign.FAILED, f"{what}: {problem.message}"))
