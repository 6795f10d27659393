"""Commands that the head has run here: a list of words, never a shell, bounded, and gone with all that they started.

Off unless this machine's own settings allow it: whoever may do this may do anything that this user may.
"""

import asyncio
import codecs
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
from pydantic import Field, StringConstraints

from cluster_ai.core.errors import Forbidden, Unavailable
from cluster_ai.core.processes import how_it_ended
from cluster_ai.core.wire import StrictModel, Text
from cluster_ai.node_agent import keeper
from cluster_ai.node_agent.api.asked import Asked

log = structlog.get_logger(__name__)

MOST_AT_ONCE: Final = 4
NICE: Final = 5
PIECE: Final = 32 * 1024
QUEUED: Final = 8
"""Pieces of output that wait for a caller who reads slowly; then the command waits."""
KEPT: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR")
"""What a command gets of our environment, in which secrets may stand."""
END_SECONDS: Final = keeper.GRACE_SECONDS + 5.0
_GIB: Final = 1024**3


Word = Annotated[Text, Field(min_length=1)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class ExecOff(Forbidden):
    """This machine does not run commands for the head."""

    code = "exec_off"


class Wish(StrictModel):
    """``POST /-/exec``"""

    argv: Annotated[tuple[Word, ...], Field(min_length=1, max_length=1024)]
    timeout: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Seconds."""
    env: Annotated[dict[Variable, Text], Field(max_length=64)] = Field(default_factory=dict)
    """Beside the little that every command gets."""


class Commands:
    """``POST /-/exec``: records ``{"out": text}`` and ``{"err": text}``, and at the end ``{"exit": code}``.

    ``code`` is the command's own, or the negative number of the signal that ended it; ``why`` beside it says what else
    ended it. ``folder``: where commands begin.
    """

    def __init__(self, *, allowed: bool, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._allowed = allowed
        self._folder = folder
        self._environment = os.environ if environment is None else environment
        self._running = 0

    async def __call__(self, asked: Asked) -> None:
        if not self._allowed:
            raise ExecOff(
                "this machine does not run commands for the cluster",
                hint="allow_exec = true under [agent] in that machine's config.toml, then restart its agent",
            )
        wish = await asked.body(Wish)
        if self._running >= MOST_AT_ONCE:
            raise Unavailable(f"{MOST_AT_ONCE} commands run on this machine already", hint="wait for one to end")
        # Its other words may be secrets; the head's audit has them.
        log.info("a command of the head is run", command=wish.argv[0], words=len(wish.argv))
        self._running += 1
        try:
            await self._run(wish, asked)
        finally:
            self._running -= 1

    async def _run(self, wish: Wish, asked: Asked) -> None:
        began, why = time.monotonic(), ""
        async with self._kept(wish) as process:
            await asked.begin_lines()
            try:
                async with asyncio.timeout(wish.timeout):
                    await _tell(process, asked)
                    await process.wait()
            except TimeoutError:
                why = f"it ran longer than {wish.timeout:g} s"
        code = process.returncode if process.returncode is not None else 0
        ended = {"exit": code, "seconds": round(time.monotonic() - began, 3)}
        await asked.line(ended | ({"why": why or how_it_ended(code)} if code else {}))
        await asked.end_lines()

    @asynccontextmanager
    async def _kept(self, wish: Wish) -> AsyncIterator[asyncio.subprocess.Process]:
        """The command's keeper; at the end of the block everything has ended."""
        limits = {"resources": _limits(wish.timeout), "nice": NICE, "folder": str(self._folder)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", str(Path(keeper.__file__)), str(os.getpid()), json.dumps(limits)),
            *wish.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: self._environment[name] for name in KEPT if name in self._environment} | wish.env,
        )
        try:
            yield process
        finally:
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            # Not ``wait`` alone: the command's last words may fill the pipe, and hold it up.
            await process.communicate()
    except TimeoutError:
        log.warning("a command does not end", keeper=process.pid)
        process.kill()
        await process.wait()


async def _tell(process: asyncio.subprocess.Process, asked: Asked) -> None:
    """What it says, as it comes, until the last of its processes has closed both outputs."""
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(QUEUED)
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_pass_on(process.stdout, "out", queue))
        tasks.create_task(_pass_on(process.stderr, "err", queue))
        for _ in range(2):
            while (record := await queue.get()) is not None:
                await asked.line(record)


async def _pass_on(source: asyncio.StreamReader, name: str, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
    # A letter may be cut in two by the pieces in which it comes.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while data := await source.read(PIECE):
        if text := decoder.decode(data):
            await queue.put({name: text})
    if text := decoder.decode(b"", final=True):
        await queue.put({name: text})
    await queue.put(None)


def _limits(seconds: float) -> dict[str, int]:
    """Of each process. Memory is left to the machine: limits of addresses break programs that reserve many."""
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": int(seconds) + 1,
        "RLIMIT_NOFILE": 4096,
        "RLIMIT_NPROC": 4096,
        "RLIMIT_FSIZE": 64 * _GIB,
    }
