"""The command line's verbs, carried out from the TUI: each in a process of its own, that reads nothing."""

import asyncio
import contextlib
import os
import shlex
import signal
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.i18n import Lang

NAME: Final = "cluster-ai"
ELSEWHERE: Final = frozenset({"tui"})
"""Verbs that want the terminal for themselves."""
_PATIENCE: Final = 2.0
"""Seconds between the polite end and the other one."""
LONGEST_LINE: Final = 4096
"""Characters of a line; the rest of it is not shown."""
_PIECE: Final = 1 << 16


def words_of(typed: str) -> list[str]:
    """What was typed, as the command line would get it; the program's name in front may be left out.

    Raises:
        InvalidInput: a quote is open, or the verb cannot be had here.
    """
    try:
        words = shlex.split(typed)
    except ValueError as exc:
        raise InvalidInput(f"that is no command: {exc}", hint="close the quotation mark") from exc
    if words[:1] == [NAME]:
        del words[0]
    if ELSEWHERE & set(words[:1]):
        raise InvalidInput(f"{words[0]} wants a terminal of its own", hint=f"in a shell: {NAME} {words[0]}")
    return words


@asynccontextmanager
async def begun(argv: Sequence[str], *, lang: Lang, width: int) -> AsyncIterator[AsyncIterator[str]]:
    """The lines that ``argv`` says, and at last its exit code as a line of its own number; leaving the block ends it.

    Raises:
        OSError: it could not be started.
    """
    more = {"NO_COLOR": "1", "CLUSTER_AI_LANG": lang, "COLUMNS": str(width), "TERM": "dumb", "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | more,
        start_new_session=True,
    )
    try:
        yield _lines(process)
    finally:
        await asyncio.shield(_ended(process))


async def completed(argv: Sequence[str], typed: str) -> list[str]:
    """What the last word that was ``typed`` may become, as the shell's completion has it."""
    words = typed.split(" ")
    asked = {"COMP_WORDS": f"{NAME} {typed}", "COMP_CWORD": str(len(words)), "_CLUSTER_AI_COMPLETE": "bash_complete"}
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | asked,
        start_new_session=True,
    )
    try:
        said, _ = await process.communicate()
    finally:
        await asyncio.shield(_ended(process))
    found = (line.partition(",") for line in said.decode(errors="replace").splitlines())
    return [value for kind, _, value in found if kind == "plain"]


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    assert process.stdout is not None
    decoder, line = getincrementaldecoder("utf-8")(errors="replace"), ""
    while piece := await process.stdout.read(_PIECE):
        *whole, rest = decoder.decode(piece).split("\n")
        for text in whole:
            yield _cut(line + text)
            line = ""
        line = (line + rest)[: LONGEST_LINE + 1]
    if line:
        yield _cut(line)
    if code := await process.wait():
        yield f"[{code}]"


def _cut(line: str) -> str:
    line = line.rstrip("\r")
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


async def _ended(process: asyncio.subprocess.Process) -> None:
    """With all that it started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _PATIENCE)
