"""The gateway behind its real listener and loop, in a thread of its own, and requests to it as bytes."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import uvloop

from backend.gateway import create_gateway
from backend.gateway.life import Machines, Plan
from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.asgi.serve import serve
from cluster_ai.gateway.managing.asks import BLOBS
from cluster_ai.gateway.types import GatewaySettings, GatewayView, UpstreamSettings, UpstreamView
from tests.fakes.fleet import FakeNode
from tests.fakes.raw import MODEL, Heard, hear
from tests.ports import free_port
from tests.waiting import until

TOKEN = "internal-token-of-these-tests"
HI = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
QUICK = {"probe_seconds": 0.1, "breaker_seconds": 0.3, "connect_seconds": 0.5, "find_local_ollama": False}

T = TypeVar("T")


def request(path: str, fields: Any = None, *, method: str = "", **headers: str) -> bytes:
    """A request that asks to close afterwards. ``fields``: the body, as JSON unless it is bytes."""
    body = fields if isinstance(fields, bytes) else b"" if fields is None else json.dumps(fields).encode()
    rows = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(body))}
    rows |= {name.replace("_", "-"): value for name, value in headers.items()}
    method = method or ("GET" if fields is None else "POST")
    head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in rows.items())]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def header(heard: Heard, name: str) -> str:
    """A header of an answer; empty when it is not there."""
    rows = (row.partition(": ") for row in heard.head.decode("latin-1").split("\r\n")[1:])
    return next((value for key, _, value in rows if key.lower() == name.lower()), "")


@dataclass
class Door:
    """A running gateway. ``nodes`` are known to it as ``fake-0``, ``fake-1``..."""

    port: int
    nodes: tuple[FakeNode, ...]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, fields: Any = None, *, timeout: float = 10.0, **more: str) -> Heard:
        return hear(self.port, request(path, fields, **more), timeout)

    def chat(self, *, stream: bool = True, timeout: float = 10.0, **options: Any) -> Heard:
        return self.ask("/api/chat", HI | {"stream": stream, "options": options}, timeout=timeout)

    def state(self) -> GatewayView:
        return GatewayView.model_validate_json(self.ask("/-/state", Authorization=f"Bearer {TOKEN}").body)

    def upstream(self, number: int) -> UpstreamView:
        return next(row for row in self.state().upstreams if row.name == f"fake-{number}")

    def prefer(self, number: int) -> None:
        """Makes one node the best for ``MODEL``: it alone has it in memory."""
        for node in self.nodes:
            node.forget()
        hear(self.nodes[number], request("/api/generate", {"model": MODEL, "stream": False}))

        def seen() -> bool:
            rows = {row.name: row for row in self.state().upstreams}
            loaded = {name for name, row in rows.items() if any(m.name == MODEL and m.loaded for m in row.models)}
            return loaded == {f"fake-{number}"}

        until(seen, what=f"fake-{number} alone has the model in memory")

    @contextlib.contextmanager
    def open(self, fields: Any, path: str = "/api/chat", *, buffer: int = 0) -> Iterator[socket.socket]:
        """A connection on which a request has been sent and nothing was read. ``buffer``: of what comes, bytes."""
        with socket.socket() as sock:
            if buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            sock.settimeout(10)
            sock.connect(("127.0.0.1", self.port))
            sock.sendall(request(path, fields))
            yield sock


def _run(
    port: int,
    settings: GatewaySettings,
    embedded: str | None,
    ready: Callable[[asyncio.AbstractEventLoop, asyncio.Event], None],
    machines: Machines | None = None,
) -> None:
    async def work() -> None:
        stop = asyncio.Event()
        ready(asyncio.get_running_loop(), stop)
        app = create_gateway(Plan(settings, embedded, TOKEN, machines=machines))
        limits = Limits(body_bytes=settings.max_body_bytes, streamed=(BLOBS,))
        await serve(app, host="127.0.0.1", port=port, limits=limits, stop_seconds=1, stopping=stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


@contextlib.contextmanager
def gateway(
    *nodes: FakeNode,
    urls: tuple[str, ...] = (),
    embedded: str | None = None,
    rows: Sequence[UpstreamSettings] = (),
    machines: Machines | None = None,
    **settings: Any,
) -> Iterator[Door]:
    """A gateway over ``nodes`` (at ``urls`` where given), those in ``rows`` and an ``embedded`` one.

    It is stopped at the end.
    """
    pairs = zip(nodes, urls or [node.url for node in nodes], strict=True)
    upstreams = (*rows, *(UpstreamSettings(name=node.name, url=url) for node, url in pairs))
    port, stops = free_port(), []
    made = GatewaySettings(**(QUICK | {"upstreams": upstreams} | settings))
    thread = threading.Thread(
        target=_run, args=(port, made, embedded, lambda loop, stop: stops.append((loop, stop)), machines), daemon=True
    )
    thread.start()
    try:
        until(lambda: hear(port, request("/health")).data.startswith(b"HTTP/1.1 200"), seconds=15, what="it listens")
        yield Door(port, nodes)
    finally:
        loop, stop = stops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)
        assert not thread.is_alive(), "the gateway stops when it is told"
