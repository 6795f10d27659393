"""Asks a part whether it is ready."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from cluster_ai.supervisor.http import HEAD_BYTES, BadMessage, Request, ask
from cluster_ai.supervisor.types import Probe

ANSWER_SECONDS: Final = 2.0


async def knock(probes: Iterable[Probe]) -> str:
    """Why a part is not ready; empty when it is. Answers within two seconds."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            for probe in probes:
                if reason := await _answer(probe):
                    return reason
    except TimeoutError:
        return f"no answer within {ANSWER_SECONDS:.0f} s"
    return ""


async def _answer(probe: Probe) -> str:
    try:
        async with _connection(probe.port) as (reader, writer):
            if not probe.path:
                return ""
            answer = await ask(reader, writer, Request("GET", probe.path, b""), host=f"127.0.0.1:{probe.port}")
    except (OSError, BadMessage) as exc:
        said = exc.strerror if isinstance(exc, OSError) else str(exc)
        return f"port {probe.port}: {said or type(exc).__name__}"
    if answer.status != HTTPStatus.OK:
        return f"port {probe.port} answers {answer.status}"
    if probe.holds and probe.holds.encode() not in answer.body:
        return f"port {probe.port} does not say {probe.holds}"
    return ""


@asynccontextmanager
async def _connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=HEAD_BYTES)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
