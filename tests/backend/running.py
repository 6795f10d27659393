"""The real application behind the real listener, in a thread with a loop of its own."""

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from starlette.types import ASGIApp

from backend.app import Started, create_app
from backend.backups_room import BackupsConfig
from backend.catalog_config import CatalogConfig
from backend.dask_pages import DaskPages
from backend.dispatching import opening as dispatching_opening
from backend.dispatching.config import DispatchConfig
from backend.doctor_room import Doctor
from backend.host import ThisMachine
from backend.lookout import LookAround, Lookout
from backend.machines.config import MembersConfig
from backend.notify_room import NotifyConfig
from backend.plane import Neighbours, Plane, PlaneConfig, open_plane
from backend.settings_room import Told
from backend.slo_room import SloConfig
from backend.snapshot import About
from backend.ui_files import FOLDER
from backend.updates_room import UpdatesConfig
from cluster_ai.accounts.opening import VaultConfig
from cluster_ai.accounts.passwords import Passwords
from cluster_ai.accounts.service import Times
from cluster_ai.accounts.types import Lifetimes
from cluster_ai.catalog.types import LIBRARY
from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.asgi.serve import serve
from cluster_ai.core.ids import new_id
from cluster_ai.core.paths import Home
from cluster_ai.core.tracing import OFF, Tracing
from cluster_ai.logs.room import LogsConfig
from cluster_ai.logs.types import LogsSettings
from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.finds import Members
from cluster_ai.nodes.discovery.subnets import Scope
from cluster_ai.nodes.types import MachinesSettings
from cluster_ai.ops.types import BackupSettings
from cluster_ai.ops.updates.types import UpdateSettings
from cluster_ai.pki.types import HeadFiles
from cluster_ai.settings import Settings
from cluster_ai.slo.types import SloSettings
from cluster_ai.views import Endpoints
from tests.backend.world import INTERNAL, World
from tests.loops import loop_in_thread
from tests.ports import free_port
from tests.waiting import until

T = TypeVar("T")
PASSWORD = "correct horse battery"
ALERTS = "token-of-the-alertmanager"
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For addresses without TLS: to read all the world's authorities takes longer than most requests."""
CHEAP = Passwords(rounds=1, memory_kib=64)


def nowhere(members: Members) -> Around:
    """No test looks at the networks of the box that it runs on."""
    return Around(Scope((), (), frozenset()), members, random.Random(1))


class Served:
    """ASGI applications, each on a port, until the block ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._stops: list[asyncio.Event] = []
        self._tasks: list[Any] = []

    def stop(self) -> None:
        for stop in reversed(self._stops):
            self.loop.call_soon_threadsafe(stop.set)
        for task in reversed(self._tasks):
            task.result(timeout=10)

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


@contextlib.contextmanager
def applications() -> Iterator[Served]:
    with loop_in_thread("served") as loop:
        served = Served(loop)
        try:
            yield served
        finally:
            served.stop()


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
    token_here: str = INTERNAL
    planes: list[Plane] = field(default_factory=list)
    clock: list[float] = field(default_factory=lambda: [0.0])
    apps: list[ASGIApp] = field(default_factory=list)

    @property
    def plane(self) -> Plane:
        return self.planes[-1]

    @property
    def lookout(self) -> Lookout:
        started = self.apps[-1]
        assert isinstance(started, Started)
        lookout: Lookout = started.api.state.lookout
        return lookout

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, **headers: str) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers=headers, trust_env=False, timeout=20, verify=PLAIN)

    def local(self) -> httpx2.Client:
        return self.client(Authorization=f"Bearer {self.token_here}")

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


def _about(gateway: str) -> About:
    endpoints = Endpoints(api="http://a", gateway=gateway, dask_dashboard="http://d")
    return About(name="test", version="1", endpoints=endpoints, started_at=1.0, wants_workers=True)


@dataclass(frozen=True)
class Wanted:
    """How a test wants the API and what is around it."""

    limits: Limits | None = None
    url: str | None = None
    """A database instead of the file in its home."""
    tick_seconds: float = 0.1
    ui_folder: Path = FOLDER
    gateway: str = ""
    """One to use instead of the world's, which knows ``token`` as the internal one."""
    token: str = INTERNAL
    lan: str | None = None
    """The address in the LAN that the head believes to have."""
    lan_port: int = 1
    dask: str = ""
    """URL of Dask's dashboard."""
    catalog: CatalogConfig | None = None
    look_around: LookAround = nowhere
    """Where it looks for others."""
    slo: SloSettings = field(default_factory=SloSettings)
    notify: NotifyConfig = field(default_factory=NotifyConfig)
    redis_url: str | None = None
    tracing: Tracing = OFF
    doctor: Doctor | None = None
    trusted_proxies: tuple[str, ...] = ()
    dispatching: bool = False
    """Tickets are given out, to a scheduler that is away."""


def _vault(api: Api, url: str | None) -> VaultConfig:
    return VaultConfig(
        url=url or f"sqlite:///{api.home.database}",
        secrets=api.home.secrets,
        lifetimes=Lifetimes(session=3600, idle=600, token=300),
        times=Times(now=lambda: time.time() + api.clock[0], new_id=new_id),
        on_fatal=print,
        passwords=CHEAP,
    )


def _members(home: Home, lan: str | None, port: int) -> MembersConfig:
    return MembersConfig(
        settings=MachinesSettings(bind=lan),
        files=HeadFiles(home.authority, home.tls, "test", names=(lan,) if lan else ()),
        heads=(f"https://{lan}:{port}",) if lan else (),
        scheduler=f"tls://{lan}:1" if lan else "",
    )


def _plane(api: Api, wanted: Wanted) -> PlaneConfig:
    home, world = api.home, api.world
    return PlaneConfig(
        about=_about(world.url),
        vault=_vault(api, wanted.url),
        members=_members(home, wanted.lan, wanted.lan_port),
        gateway_url=wanted.gateway or world.url,
        internal_token=wanted.token,
        tick_seconds=wanted.tick_seconds,
        host=ThisMachine(home.root),
        run=home.run,
        # No test asks the registry of the world: this one has no models.
        slo=SloConfig(wanted.slo, home.objectives, ALERTS, home.freezes),
        catalog=wanted.catalog or CatalogConfig(bases={LIBRARY: world.url}),
        notify=wanted.notify,
        redis_url=wanted.redis_url,
        updates=UpdatesConfig(home, UpdateSettings()),
        backups=BackupsConfig(home, wanted.url or f"sqlite:///{home.database}", BackupSettings()),
        logs=LogsConfig(home.logs_store, home.logs, LogsSettings(), time.time, node="box"),
    )


@contextlib.asynccontextmanager
async def _with_dispatching(plane: Plane, api: Api, tracing: Tracing) -> AsyncIterator[Plane]:
    desk = DispatchConfig(api.home.logs / "tickets", api.home.secrets, "tcp://127.0.0.1:1", api.world.url)
    around = dispatching_opening.Around(
        plane.bus,
        plane.rooms.keys,
        plane.registry,
        plane.term.epoch,
        plane.term.guard,
        plane.slo.room.freezes.outlook,
        tracing,
    )
    async with dispatching_opening.open_dispatching(desk, plane.work, around) as opened:
        yield replace(plane, dispatching=opened)


@contextlib.asynccontextmanager
async def _opened(api: Api, wanted: Wanted) -> AsyncIterator[Plane]:
    async with contextlib.AsyncExitStack() as stack:
        pages = await stack.enter_async_context(DaskPages(wanted.dask)) if wanted.dask else None
        world = Neighbours(
            api.world, api.world, pages, api.world, doctor=wanted.doctor, told=Told(Settings(home=api.home.root))
        )
        plane = await stack.enter_async_context(open_plane(_plane(api, wanted), world))
        if wanted.dispatching:
            plane = await stack.enter_async_context(_with_dispatching(plane, api, wanted.tracing))
        api.planes.append(plane)
        yield plane


@contextlib.contextmanager
def running_api(folder: Path, **more: Any) -> Iterator[Api]:
    """The API with the world around it; its admin's password is ``PASSWORD``. ``more``: the fields of ``Wanted``."""
    wanted, home, world = Wanted(**more), Home(folder), World()
    home.make()
    (home.secrets / "admin-password").write_text(PASSWORD)
    (home.secrets / "admin-password").chmod(0o600)
    with applications() as served:
        world.url = served.start(world.app())
        world.serve_nodes("n1")
        api = Api("", home, world, served, wanted.token)
        app = create_app(
            lambda: _opened(api, wanted),
            ui_folder=wanted.ui_folder,
            look_around=wanted.look_around,
            tracing=wanted.tracing,
            trusted_proxies=wanted.trusted_proxies,
        )
        api.apps.append(app)
        api.url = served.start(app, limits=wanted.limits)
        with api.client() as client:
            until(lambda: client.get("/ready").status_code != 503 or api.planes, what="the API answers")
        api.tick()
        yield api
