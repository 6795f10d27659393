"""One command on a machine: its streams, and its end, however it comes."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from cluster_ai.nodes.ssh.threads import Threads

KEPT: Final = 65_536
"""Bytes of each stream that an outcome holds: the last of them."""
GRACE: Final = 5.0
"""Seconds in which a command that was told to end may clean up."""
_CHUNK: Final = 32_768

Stream = Literal["out", "err"]
Heard = Callable[[Stream, bytes], None]


def unheard(_stream: Stream, _data: bytes) -> None:
    """Nobody watches; the outcome has the end of it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. ``status`` is -1 when a signal ended it."""

    status: int
    out: bytes
    err: bytes

    @property
    def said(self) -> str:
        """The last line that tells why, for an error."""
        lines = (self.err.strip() or self.out.strip()).decode("utf-8", "replace").splitlines()
        return lines[-1] if lines else ""


class Command:
    """What runs on one channel."""

    def __init__(self, channel: paramiko.Channel, threads: Threads) -> None:
        self._channel = channel
        self._threads = threads
        self._ending = threading.Lock()

    async def start(self, line: str) -> None:
        await self._do(lambda: self._channel.exec_command(line))

    async def talk(self, feed: bytes, heard: Heard) -> Outcome:
        """Feeds it and reads both streams until it has ended."""
        async with asyncio.TaskGroup() as group:
            out = group.create_task(self._read("out", heard))
            err = group.create_task(self._read("err", heard))
            group.create_task(self._feed(feed))
        return Outcome(await self._do(self._channel.recv_exit_status), out.result(), err.result())

    def end(self) -> None:
        """Closes the channel; a command that still runs is told to end, and has a moment for it. Blocks."""
        with self._ending:
            if not (self._channel.closed or self._channel.exit_status_ready()):
                with suppress(paramiko.SSHException, OSError, EOFError):
                    _signal(self._channel, "TERM")
                    # Closed pipes would kill it at its first word, before it has undone what it did.
                    self._channel.status_event.wait(GRACE)
            self._channel.close()

    async def _read(self, stream: Stream, heard: Heard) -> bytes:
        """Reads to the end, and answers the last of it."""
        take = self._channel.recv if stream == "out" else self._channel.recv_stderr
        kept = b""
        while chunk := await self._do(lambda: take(_CHUNK)):
            heard(stream, chunk)
            kept = (kept + chunk)[-KEPT:]
        return kept

    async def _feed(self, data: bytes) -> None:
        # A command that reads nothing may have closed its input: that is its right.
        with suppress(OSError):
            await self._do(lambda: self._channel.sendall(data))
            await self._do(self._channel.shutdown_write)

    async def _do(self, work: Callable[[], Any]) -> Any:
        return await self._threads.do(work, stop=self.end)


def _signal(channel: paramiko.Channel, name: str) -> None:
    """Asks the server to pass on a signal: RFC 4254, 6.9, the one request that the library does not know."""
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("signal")
    message.add_boolean(False)  # noqa: FBT003 - the library's signature
    message.add_string(name)
    channel.get_transport()._send_user_message(message)  # noqa: SLF001
