"""The real application behind the real listener, in a thread with a loop of its own."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2
from starlette.types import ASGIApp

from backend.app import create_app
from backend.plane import Neighbours, Plane, PlaneConfig, open_plane
from backend.snapshot import About
from backend.sources import ThisMachine
from cluster_ai.accounts.opening import VaultConfig
from cluster_ai.accounts.passwords import Passwords
from cluster_ai.accounts.service import Times
from cluster_ai.accounts.types import Lifetimes
from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.asgi.serve import serve
from cluster_ai.core.ids import new_id
from cluster_ai.core.paths import Home
from cluster_ai.views import Endpoints
from tests.backend.world import INTERNAL, World
from tests.ports import free_port
from tests.waiting import until

T = TypeVar("T")
PASSWORD = "correct horse battery"
CHEAP = Passwords(rounds=1, memory_kib=64)


class Served:
    """ASGI applications, each on a port, until the block ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._stops: list[asyncio.Event] = []
        self._tasks: list[Any] = []
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for stop in reversed(self._stops):
            self.loop.call_soon_threadsafe(stop.set)
        for task in reversed(self._tasks):
            task.result(timeout=10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        self.loop.close()

    def start(self, app: ASGIApp, *, limits: Limits | None = None) -> str:
        port, stop = free_port(), asyncio.Event()
        work = serve(app, host="127.0.0.1", port=port, limits=limits, stop_seconds=1, stopping=stop)
        task = asyncio.run_coroutine_threadsafe(work, self.loop)
        self._stops.append(stop)
        self._tasks.append(task)
        until(lambda: listens(port) or task.done(), seconds=20, what="the listener is up")
        if task.done():
            task.result()
        return f"http://127.0.0.1:{port}"

    def run(self, work: Any) -> Any:
        """Runs a coroutine where the applications live."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=20)


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@dataclass
class Api:
    """A running API. ``client`` has no credentials, ``local`` shows the internal token."""

    url: str
    home: Home
    world: World
    served: Served
    planes: list[Plane] = field(default_factory=list)
    clock: list[float] = field(default_factory=lambda: [0.0])

    @property
    def plane(self) -> Plane:
        return self.planes[-1]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, **headers: str) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers=headers, trust_env=False, timeout=20)

    def local(self) -> httpx2.Client:
        return self.client(Authorization=f"Bearer {INTERNAL}")

    def tick(self) -> None:
        """One round of the live loop, now."""
        self.served.run(self.plane.live.tick())

    def signed_in(self) -> tuple[httpx2.Client, dict[str, str]]:
        """A browser with a session, and the headers of its changing calls."""
        with self.client() as door:
            answer = door.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            client = self.client()
            client.cookies.update(door.cookies)
        return client, {"X-CSRF-Token": answer.json()["csrf"], "Origin": self.url}

    def token(self, *, username: str = "admin", scopes: list[str] | None = None) -> str:
        body = {"username": username, "password": PASSWORD, "scopes": scopes or []}
        with self.client() as client:
            answer = client.post("/api/v1/auth/token", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


@contextlib.contextmanager
def running_api(
    folder: Path,
    *,
    limits: Limits | None = None,
    url: str | None = None,
    tick_seconds: float = 0.1,
    ui_folder: Path | None = None,
) -> Iterator[Api]:
    """The API with the world around it; its admin's password is ``PASSWORD``."""
    home, world = Home(folder), World()
    home.make()
    (home.secrets / "admin-password").write_text(PASSWORD)
    (home.secrets / "admin-password").chmod(0o600)
    with Served() as served:
        world.url = served.start(world.app())
        world.serve_nodes("n1")
        api = Api("", home, world, served)
        config = PlaneConfig(
            about=About(
                name="test",
                version="1",
                endpoints=Endpoints(api="http://a", gateway=world.url, dask_dashboard="http://d"),
                started_at=1.0,
                wants_workers=True,
            ),
            vault=VaultConfig(
                url=url or f"sqlite:///{home.database}",
                secrets=home.secrets,
                lifetimes=Lifetimes(session=3600, idle=600, token=300),
                times=Times(now=lambda: time.time() + api.clock[0], new_id=new_id),
                on_fatal=print,
                passwords=CHEAP,
            ),
            gateway_url=world.url,
            internal_token=INTERNAL,
            tick_seconds=tick_seconds,
            host=ThisMachine(home.root),
        )

        @contextlib.asynccontextmanager
        async def opened() -> Any:
            async with open_plane(config, Neighbours(world, world)) as plane:
                api.planes.append(plane)
                yield plane

        app = create_app(opened) if ui_folder is None else create_app(opened, ui_folder=ui_folder)
        api.url = served.start(app, limits=limits)
        with api.client() as client:
            until(lambda: client.get("/ready").status_code != 503 or api.planes, what="the API answers")
        api.tick()
        yield api
