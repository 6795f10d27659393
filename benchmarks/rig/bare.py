"""The least a relay in Python can be: uvicorn, one aiohttp session, bytes through. No routing, no records, no counting.

``python -m benchmarks.rig.bare PORT NODE_URL``. It is the yardstick for what the gateway's own work costs.
"""

import asyncio
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import psutil
import uvicorn
from starlette.types import Receive, Scope, Send

from benchmarks.rig.results import ROOT
from tests.ports import free_port

START_SECONDS = 15.0


class Bare:
    """The application."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        assert self._session is not None
        asked = self._session.request(scope["method"], self._node + scope["path"], data=body, headers=JSON)
        async with asked as answer:
            head = [(b"content-type", answer.content_type.encode())]
            await send({"type": "http.response.start", "status": answer.status, "headers": head})
            async for chunk in answer.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
        ) as self._session:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


JSON = {"Content-Type": "application/json"}


@contextmanager
def bare(node: str) -> Iterator[tuple[int, psutil.Process]]:
    """One such relay to ``node``: its port and its process."""
    port = free_port()
    started = subprocess.Popen([sys.executable, "-m", "benchmarks.rig.bare", str(port), node], cwd=ROOT)
    try:
        wait_for(port, started)
        yield port, psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait(timeout=10)


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/version", timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the bare relay did not start")


async def serve(port: int, node: str) -> None:
    config = uvicorn.Config(Bare(node), port=port, http="httptools", ws="none", log_level="critical", access_log=False)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), sys.argv[2]))
