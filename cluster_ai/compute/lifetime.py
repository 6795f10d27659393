"""From start to SIGTERM."""

import asyncio
import signal
import socket
from collections.abc import Awaitable
from typing import Any

from cluster_ai.compute.reach import reason
from cluster_ai.core.errors import Conflict


def refuse_taken(host: str, port: int) -> None:
    """Asks for a port before Dask does: Dask would move its dashboard to another one without a word.

    Raises:
        Conflict: somebody listens on ``port``.
    """
    try:
        # create_server sets SO_REUSEADDR: a port whose last user left a moment ago is free.
        socket.create_server((host, port)).close()
    except OSError as exc:
        raise Conflict(
            f"port {port} on {host} cannot be used: {reason(exc)}", hint="stop what uses it, or set another port"
        ) from exc


def asked_to_stop() -> asyncio.Event:
    """Set by SIGTERM and SIGINT from now on."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    return asked


async def first_of(*works: Awaitable[Any]) -> None:
    """Waits until one of them ends; coroutines that did not are cancelled, tasks of the caller go on."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for work, task in zip(works, tasks, strict=True):
        if work is not task:
            task.cancel()
