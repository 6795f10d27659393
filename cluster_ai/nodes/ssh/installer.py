"""The installer on a machine: fed, listened to, and taken back."""

from functools import partial
from typing import Final

from cluster_ai.nodes.ssh.causes import CommandFailed, told
from cluster_ai.nodes.ssh.command import Outcome, Stream
from cluster_ai.nodes.ssh.session import Session
from cluster_ai.nodes.ssh.steps import BUNDLE, INSTALLER, Crew, Invited, Sign, Stage, Step, Tell
from cluster_ai.nodes.ssh.undo import Undo

ROLLED_BACK: Final = frozenset({3, 4, 5, 6, 7, 8, 9, 10, 11})
"""Exit codes after which the installer has left nothing: it refused before it began, or took it back itself."""
INSTALLATION: Final = "installation"
_LONGEST_LINE: Final = 4096
_SECONDS: Final = 60.0


async def run_installer(
    session: Session, crew: Crew, invited: Invited, *, folder: str, program: str, undo: Undo, tell: Tell
) -> bool:
    """Runs it to its end; every line that it prints is told. Answers whether the program is new there.

    Raises:
        CommandFailed: it ended with an error.
    """
    tell(Step(Stage.INSTALL, Sign.BEGUN))
    offline = (await session.run(["test", "-e", f"{folder}/{BUNDLE}"], seconds=_SECONDS)).status == 0
    argv = ["sh", f"{folder}/{INSTALLER}", "worker", "--join-file", "-", "--yes", "--no-color"]
    argv += [*crew.options, *(["--offline", f"{folder}/{BUNDLE}"] if offline else [])]
    is_new = (await session.run(["test", "!", "-e", program], seconds=_SECONDS)).status == 0
    if is_new:
        # What was there before is not ours to take away.
        undo.note(INSTALLATION, partial(uninstall, session, folder))
    lines = Lines(tell)
    # By standard input: what stands in argv is for every user of that machine to read.
    done = await session.run(argv, feed=f"{invited.line}\n".encode(), heard=lines.heard, seconds=crew.install_seconds)
    lines.end()
    if done.status:
        if done.status in ROLLED_BACK:
            undo.forget(INSTALLATION)
        raise CommandFailed(str(session.target), INSTALLER, status=done.status, said=done.said)
    tell(Step(Stage.INSTALL, Sign.DONE))
    return is_new


async def uninstall(session: Session, folder: str) -> None:
    """Takes the installation from the machine."""
    await sh(session, "uninstalling", "sh", f"{folder}/{INSTALLER}", "worker", "--uninstall", "--yes", "--no-color")


async def sh(session: Session, what: str, *argv: str) -> Outcome:
    """Runs something small that must succeed; ``what`` names it in the error."""
    done = await session.run(argv, seconds=_SECONDS)
    if done.status:
        raise CommandFailed(str(session.target), what, status=done.status, said=done.said)
    return done


class Lines:
    """Turns what an installer prints, in whatever pieces it comes, into lines that are safe to show."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._rest: dict[Stream, bytes] = {"out": b"", "err": b""}

    def heard(self, stream: Stream, data: bytes) -> None:
        *lines, rest = (self._rest[stream] + data).replace(b"\r", b"\n").split(b"\n")
        self._rest[stream] = rest[-_LONGEST_LINE:]
        for line in lines:
            self._say(line)

    def end(self) -> None:
        """The last lines may have had no end."""
        for rest in self._rest.values():
            self._say(rest)

    def _say(self, line: bytes) -> None:
        if text := told(line[:_LONGEST_LINE].decode("utf-8", "replace")):
            self._tell(Step(Stage.INSTALL, Sign.SAID, text))
