"""A machine that one is in: commands with their output as it comes, files handed over whole or not at all."""

import asyncio
import secrets
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import paramiko

from cluster_ai.nodes.ssh.causes import Broken, NoShell, TimedOut, Unreachable
from cluster_ai.nodes.ssh.command import Command, Heard, Outcome, unheard
from cluster_ai.nodes.ssh.dialing import Times
from cluster_ai.nodes.ssh.target import Target
from cluster_ai.nodes.ssh.threads import Threads
from cluster_ai.nodes.ssh.transfer import Told, hand_over

_AT_ONCE: Final = 4
THREADS: Final = 4 * _AT_ONCE + 2
"""What a session may need at the same time: each command has two readers, a writer and its end."""


def untold(_done: int, _total: int) -> None:
    """Nobody watches."""


class Session:
    """One connection. Commands and files may go over it at the same time, a few at once."""

    def __init__(self, target: Target, transport: paramiko.Transport, threads: Threads, times: Times) -> None:
        self.target = target
        self._transport = transport
        self._threads = threads
        self._times = times
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(
        self, argv: Sequence[str], *, feed: bytes = b"", heard: Heard = unheard, seconds: float = 60.0
    ) -> Outcome:
        """Runs ``argv`` there, with ``feed`` on its standard input; both streams are read all the time.

        A command that takes too long, or that nobody waits for any more, is sent SIGTERM; one that ignores it, or
        whose server does not pass it on (OpenSSH for root), ends at its next write.

        Raises:
            TimedOut: it did not end in time.
            NoShell: the machine runs no command for this user.
            Broken: the connection ended first.
        """
        async with self._places:
            command = Command(await self._channel(), self._threads)
            try:
                async with asyncio.timeout(seconds):
                    await self._start(command, shlex.join(argv))
                    outcome = await command.talk(feed, heard)
            except TimeoutError as exc:
                raise TimedOut(str(self.target), "command", seconds) from exc
            finally:
                await self._threads.do(command.end, stop=self._transport.close)
        if outcome.status == -1 and not self._transport.is_active():
            raise Broken(str(self.target))
        return outcome

    async def put(self, content: bytes | Path, path: str, *, mode: int = 0o600, told: Told = untold) -> None:
        """Puts bytes or a file at ``path`` there (relative: to the home), under its name only when it is whole.

        Raises:
            NoSftp: the server takes no files.
            FileRefused: it cannot be written.
            Broken: the connection ended first.
        """
        loop = asyncio.get_running_loop()
        draft = f"{path}.{secrets.token_hex(4)}.part"

        def moved(done: int, total: int) -> None:
            loop.call_soon_threadsafe(told, done, total)

        async with self._places:
            await hand_over(self._transport, self.target, threads=self._threads, content=content,
                            names=(draft, path), mode=mode, told=moved)  # fmt: skip

    async def tunnel(self, to: Target) -> paramiko.Channel:
        """A way from this machine on to the next.

        Raises:
            Unreachable, TimedOut: this machine does not get there, or may not.
        """
        place, near = (to.host, to.port), ("127.0.0.1", 0)
        try:
            return await self._threads.do(
                lambda: self._transport.open_channel("direct-tcpip", place, near, timeout=self._times.connect),
                stop=self._transport.close,
            )
        except paramiko.ChannelException as exc:
            raise Unreachable(str(to), f"by way of {self.target}: {exc.text or exc}") from exc
        except (paramiko.SSHException, EOFError, OSError) as exc:
            if self._transport.is_active():
                raise TimedOut(str(to), f"by way of {self.target}", self._times.connect) from exc
            raise Broken(str(self.target), str(exc)) from exc

    async def _channel(self) -> paramiko.Channel:
        try:
            return await self._threads.do(
                lambda: self._transport.open_session(timeout=self._times.channel), stop=self._transport.close
            )
        except paramiko.ChannelException as exc:
            raise NoShell(str(self.target), exc.text or str(exc)) from exc
        except (paramiko.SSHException, EOFError, OSError) as exc:
            if self._transport.is_active():
                raise TimedOut(str(self.target), "channel", self._times.channel) from exc
            raise Broken(str(self.target), str(exc)) from exc

    async def _start(self, command: Command, line: str) -> None:
        try:
            await command.start(line)
        except (paramiko.SSHException, EOFError, OSError) as exc:
            place = str(self.target)
            raise (NoShell if self._transport.is_active() else Broken)(place, str(exc)) from exc
