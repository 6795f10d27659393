"""This side of a runner process: started with one model, asked over a socket for each exchange, ended by closing."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final, Self

import structlog

from cluster_ai.core.errors import ClusterError, Conflict, Unavailable
from cluster_ai.core.processes import PARENT, how_it_ended
from cluster_ai.engines.types import LoadSpec

log = structlog.get_logger(__name__)

LONGEST_LINE: Final = 4 * 1024 * 1024
"""Bytes; vectors of a batch of texts are the longest. Twice as much of an answer waits here for a slow reader."""
LET_GO_SECONDS: Final = 30.0
"""A runner that goes on for so long after it was told to stop hangs inside llama.cpp, and all its slots with it."""
_LAST_WORDS: Final = 20
_STOP_SECONDS: Final = 3.0
# A runner reads files that strangers made: it gets nothing of our environment but what a program needs to start.
_ENVIRONMENT: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
)


class LoadFailed(Conflict):
    """llama.cpp could not load the file."""

    code = "load_failed"


class RunnerDied(Unavailable):
    """The process that held the model ended before its answer did. ``began`` tells whether any of it had come."""

    code = "runner_died"

    def __init__(self, message: str, *, began: bool) -> None:
        super().__init__(message)
        self.began = began


class Runner:
    """A loaded model. Start it with ``Runner.start`` and end it with ``stop``."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._given_up = False
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, spec: LoadSpec) -> Self:
        """A process with the model in memory.

        Raises:
            LoadFailed: llama.cpp refuses the file, or dies of it.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
        with theirs:
            process = await _spawn(theirs)
        runner = cls(process, ours)
        try:
            await runner._load(spec)
        except BaseException:
            await runner.stop()
            raise
        return runner

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._given_up

    @property
    def pid(self) -> int:
        return self._process.pid

    @contextlib.asynccontextmanager
    async def exchange(self, kind: str, body: dict[str, Any]) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The chunks that llama.cpp answers with. On leaving, generation has stopped, however far it was.

        Raises:
            RunnerDied: the process is gone.
        """
        reader, writer = await self._connect()
        try:
            writer.write(json.dumps({"kind": kind, "body": body}).encode() + b"\n")
            await writer.drain()
            yield self._chunks(reader)
        except ConnectionError as exc:
            raise self._dead() from exc
        finally:
            await self._hang_up(reader, writer)

    async def _chunks(self, reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
        began = False
        # A reset is how the kernel tells of a death while something was still to be read.
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                began = True
                yield json.loads(line)
        if not began:
            raise self._dead()

    def _dead(self) -> RunnerDied:
        # The kernel may tell of the death later; who asks in between must not be sent to a dead process.
        self._give_up()
        return RunnerDied("the model's process is gone; ask again", began=False)

    def _give_up(self) -> None:
        self._given_up = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _hang_up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Says that no more is wanted and waits until the runner has let go: only then is its slot free."""
        try:
            await asyncio.wait_for(_let_go(reader, writer), LET_GO_SECONDS)
        except TimeoutError:
            log.warning("runner hangs and is ended", runner=self.pid)
            self._give_up()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def stop(self) -> None:
        """Ends the process; memory, sockets and threads go with it."""
        self._control.close()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._listening

    async def wait(self) -> str:
        """How the process ended, once it has."""
        return how_it_ended(await self._process.wait())

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"\0"], [theirs.fileno()])
            except OSError as exc:
                ours.close()
                raise self._dead() from exc
        return await asyncio.open_unix_connection(sock=ours, limit=LONGEST_LINE)

    async def _load(self, spec: LoadSpec) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._control, spec.model_dump_json().encode() + b"\n")
        line = bytearray()
        while not line.endswith(b"\n"):
            part = await loop.sock_recv(self._control, 4096)
            if not part:
                raise _ended_while_loading(await self.wait(), self._said())
            line += part
        if failed := json.loads(line).get("failed"):
            raise LoadFailed(f"llama.cpp cannot load it: {failed}{self._said()}")

    def _said(self) -> str:
        return f" ({self._words[-1]})" if self._words else ""

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        # Not by lines: llama.cpp writes whole grammars into one, longer than any limit.
        while said := await self._process.stderr.read(4096):
            words = said.decode(errors="replace").strip()
            self._words.append(words.splitlines()[-1][:200] if words else "")
            log.debug("llama.cpp says", runner=self._process.pid, words=words[:500])


def _ended_while_loading(how: str, said: str) -> ClusterError:
    # SIGKILL comes from outside, for want of memory most often: no fault of the file, and elsewhere it may fit.
    if how == "SIGKILL":
        return RunnerDied("the model's process was killed while loading it; is there enough memory?", began=False)
    return LoadFailed(f"its process ended while loading it: {how}{said}")


async def _spawn(theirs: socket.socket) -> asyncio.subprocess.Process:
    env = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    env |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), PARENT: str(os.getpid())}
    # OpenMP's threads spin while they wait. On a busy machine that made two threads ten times slower than one.
    env["OMP_WAIT_POLICY"] = "passive"
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "cluster_ai.engines.runner", str(theirs.fileno()),
        pass_fds=(theirs.fileno(),),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )  # fmt: skip


async def _let_go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if writer.transport.is_closing():
        return
    with contextlib.suppress(OSError):
        writer.write_eof()
        while await reader.read(65_536):
            pass
