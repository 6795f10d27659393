"""The log room as the API has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cluster_ai.core.bus import Message
from cluster_ai.core.errors import Unsupported
from cluster_ai.logs.room import Logs, LogsConfig
from cluster_ai.logs.sinks import sinks_of

__all__ = ["Logs", "LogsConfig", "followed", "open_logs", "opened"]

TOPIC = "log"


@asynccontextmanager
async def open_logs(config: LogsConfig | None) -> AsyncIterator[Logs | None]:
    """The room, collecting inside the block; None where nobody said where logs lie."""
    if config is None:
        yield None
        return
    async with Logs(config, sinks_of(config.settings)).running() as logs:
        yield logs


def opened(logs: Logs | None) -> Logs:
    """The room that is there.

    Raises:
        Unsupported: this API was started without one.
    """
    if logs is None:
        raise Unsupported("this API keeps no logs", hint="cluster-ai logs")
    return logs


async def followed(logs: Logs, asked: str, after: int | None) -> AsyncIterator[Message | None]:
    """Lines as live messages, None after a quiet stretch."""
    async for line in logs.tail(asked, after=after):
        yield None if line is None else Message(line.number, TOPIC, line)
