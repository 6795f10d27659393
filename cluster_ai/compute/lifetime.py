"""From start to SIGTERM."""

import asyncio
import signal
import socket
from collections.abc import Coroutine
from typing import Any

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
            f"port {port} on {host} cannot be used: {exc.strerror}", hint="stop what uses it, or set another port"
        ) from exc


async def until_asked_to_stop(work: Coroutine[Any, Any, Any]) -> bool:
    """Runs ``work`` until it ends by itself (false) or SIGTERM or SIGINT ends it (true)."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if task.cancelled():
        return True
    task.result()
    return False
