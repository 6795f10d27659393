"""Asks a part whether it is ready."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

from cluster_ai.core.addresses import authority
from cluster_ai.supervisor import sockets
from cluster_ai.supervisor.http import HEAD_BYTES, BadMessage, Request, ask
from cluster_ai.supervisor.types import Probe

ANSWER_SECONDS: Final = 2.0

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def knock(probes: Iterable[Probe], door: Path | None = None) -> str:
    """Why a part is not ready; empty when it is. Answers within two seconds.

    ``door`` is the Unix socket of the very process that is meant, where others share its port.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            for probe in probes:
                if reason := await _answer(probe, door):
                    return reason
    except TimeoutError:
        return f"no answer within {ANSWER_SECONDS:.0f} s"
    return ""


async def _answer(probe: Probe, door: Path | None) -> str:
    try:
        async with _connection(probe, door) as (reader, writer):
            if not probe.path:
                return ""
            asked = Request("GET", probe.path, b"")
            answer = await ask(reader, writer, asked, host=authority(probe.host, probe.port))
    except (OSError, BadMessage) as exc:
        said = exc.strerror if isinstance(exc, OSError) else str(exc)
        return f"port {probe.port}: {said or type(exc).__name__}"
    if answer.status != HTTPStatus.OK:
        return f"port {probe.port} answers {answer.status}"
    if probe.holds and probe.holds.encode() not in answer.body:
        return f"port {probe.port} does not say {probe.holds}"
    return ""


@asynccontextmanager
async def _connection(probe: Probe, door: Path | None) -> AsyncIterator[Connection]:
    if door is not None:
        reader, writer = await sockets.connect(door.parent, door.name)
    else:
        reader, writer = await asyncio.open_connection(probe.host, probe.port, limit=HEAD_BYTES)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
