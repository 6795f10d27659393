"""A gateway that follows the list of machines: an API that hands it out, and doors of machines with real engines."""

import asyncio
import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.gateway.following import Following, Source
from backend.gateway.life import Machines
from cluster_ai.gateway.wire.lan import Lan
from cluster_ai.node_agent.door.opening import Rooms, open_door
from cluster_ai.nodes.views import Serving, ServingNode
from cluster_ai.pki.contexts import Renewed, server_context
from tests.loops import loop_in_thread, until_left
from tests.node_agent.door.place import cluster
from tests.pki.members import CLUSTER, node_id
from tests.ports import free_port

HOST = "127.0.0.1"


@dataclass
class Api:
    """Hands out ``rows``. ``asked`` counts; while it is ``away`` it answers 503."""

    rows: tuple[ServingNode, ...] = ()
    away: bool = False
    asked: int = 0
    version: int = 0
    url: str = ""

    def put(self, *rows: ServingNode) -> None:
        self.rows, self.version = rows, self.version + 1

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        api = self

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked += 1
                body = Serving(version=str(api.version), nodes=api.rows).model_dump_json().encode()
                self.send_response(503 if api.away else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        server = http.server.ThreadingHTTPServer((HOST, 0), Answers)
        self.url = f"http://{HOST}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@dataclass
class Lane:
    """``folder`` holds the certificates of a head and two machines, and the list that the gateway keeps."""

    folder: Path
    api: Api = field(default_factory=Api)

    def machines(self) -> Machines:
        renewed = Renewed(self.folder / "head")
        source = Source(self.api.url, "token", self.folder / "machines.json", renewed)
        return Machines(Lan(tls=renewed.mixed()), lambda room: Following(source, room).running())

    @contextlib.contextmanager
    def door(self, number: int, engine_port: int, *, port: int = 0) -> Iterator[int]:
        """The door of machine ``number`` before an engine, at a port of its own."""
        port = port or free_port()
        tls = server_context(self.folder / f"node-{number}")
        rooms = Rooms(lambda: (HOST, engine_port), self.folder / "none.sock")

        async def serve(ready: asyncio.Event, stop: asyncio.Event) -> None:
            async with open_door(HOST, port, tls=tls, cluster_id=CLUSTER, rooms=rooms) as server:
                ready.set()
                await stop.wait()
            await until_left(server)

        with loop_in_thread(f"door {number}") as loop:
            ready, stop = asyncio.Event(), asyncio.Event()
            serving = asyncio.run_coroutine_threadsafe(serve(ready, stop), loop)
            asyncio.run_coroutine_threadsafe(ready.wait(), loop).result(timeout=10)
            try:
                yield port
            finally:
                loop.call_soon_threadsafe(stop.set)
                serving.result(timeout=10)


def lane(folder: Path) -> Lane:
    cluster(folder)
    return Lane(folder)


def row(name: str, number: int, port: int, **more: Any) -> ServingNode:
    """Machine ``number`` as the head lists it."""
    return ServingNode(**{"name": name, "node_id": node_id(number), "addresses": (HOST,), "port": port} | more)
