"""A head whose door for machines is open on this box, and machines that come to it: real sockets, real TLS, in process.

Times are the test's own: ``house.wall`` is what the head's clock shows, ``house.steady`` the seconds that have passed.
"""

import asyncio
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from starlette.types import ASGIApp

from backend.machines.door import BODY_BYTES, MachinesDoor
from backend.machines.listening import Place, open_to_machines
from backend.machines.members import Members, MembersConfig, open_members
from backend.machines.office import Office
from cluster_ai.accounts.audit import Deed
from cluster_ai.accounts.service import Times
from cluster_ai.core.db import Database, open_database
from cluster_ai.core.ids import new_id
from cluster_ai.core.migrate import upgrade
from cluster_ai.node_agent.joining import Ground, Newcomer, join
from cluster_ai.nodes.fleet import Clocks, Fleet
from cluster_ai.nodes.inventory import Inventory
from cluster_ai.nodes.lines import Line, place
from cluster_ai.nodes.types import Heartbeat, HeartbeatReply, JoinReply, JoinRequest, MachinesSettings
from cluster_ai.pki.contexts import client_context
from cluster_ai.pki.requests import new_key, request_for
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import HEAD_HOST, HeadFiles
from cluster_ai.slo.consenting import consenting
from tests.ports import free_port

HOST = "127.0.0.1"


@dataclass
class House:
    """``folder`` outlives each time that the head is ``opened``, as a disk does."""

    folder: Path
    settings: MachinesSettings = field(default_factory=MachinesSettings)
    wall: float = field(default_factory=time.time)
    steady: float = 1000.0
    port: int = field(default_factory=free_port)
    work: ASGIApp | None = None
    """Answers what workers ask about tickets."""
    database: Database = field(init=False)

    @property
    def files(self) -> HeadFiles:
        return HeadFiles(self.folder / "ca", self.folder / "tls", "test", names=(HOST,))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Head"]:
        """The head, with its door open."""
        url = f"sqlite:///{self.folder / 'head.db'}"
        await asyncio.to_thread(upgrade, url)
        config = MembersConfig(self.settings, self.files, heads=(f"https://{place(HOST, self.port)}",))
        async with open_database(url, on_fatal=pytest.fail) as database:
            times = Times(lambda: self.wall, new_id)
            members = await open_members(database, config, times=times, consent=consenting(times.now))
            self.database = database
            members.fleet.clocks = Clocks(lambda: self.steady, lambda: self.wall)
            head = Head(self, members)
            door = MachinesDoor(Office(members, "test", head.record).desk(_nothing, self.work))
            where = Place(HOST, self.port, self.files.store)
            async with open_to_machines(door, where, body_bytes=BODY_BYTES):
                yield head

    def tell(self, story: Callable[["Head"], Awaitable[None]]) -> None:
        """Runs ``story`` with the head open; it is closed in peace before a failure of the story comes out."""

        async def tell() -> None:
            failures = []
            async with self.opened() as head:
                try:
                    async with asyncio.timeout(30):
                        await story(head)
                except (Exception, pytest.fail.Exception) as exc:
                    failures.append(exc)
            for failure in failures:
                raise failure

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(tell())


@dataclass
class Head:
    """One life of it."""

    house: House
    members: Members
    deeds: list[Deed] = field(default_factory=list)

    @property
    def fleet(self) -> Fleet:
        return self.members.fleet

    async def record(self, deed: Deed) -> None:
        self.deeds.append(deed)

    def told(self) -> list[tuple[str, str]]:
        """What the audit log says: actions and outcomes."""
        return [(deed.action, deed.outcome) for deed in self.deeds]

    async def line(self, *, seconds: float = 900.0, **more: Any) -> Line:
        """A new join line."""
        _, token = await self.members.invitations.invite(by="owner", seconds=seconds, **more)
        return Line((place(HOST, self.house.port),), self.members.authority.fingerprint, token)

    async def joined(self, name: str, **more: Any) -> "Machine":
        """A machine that joins by a line of its own."""
        machine = Machine(self.house, name, **more)
        await machine.join(await self.line())
        return machine


@dataclass
class Machine:
    """A box that may join. ``hardware`` is its machine id."""

    house: House
    name: str
    hardware: str = ""
    folder: Path = field(init=False)
    reply: JoinReply | None = None
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.hardware = self.hardware or f"id-of-{self.name}"
        self.folder = self.house.folder / f"machine-{self.name}-{new_id()[-6:]}"

    @property
    def store(self) -> Store:
        return Store(self.folder / "tls")

    @property
    def id(self) -> str:
        assert self.reply is not None, "it has not joined"
        return self.reply.node_id

    @property
    def inventory(self) -> Inventory:
        return Inventory(hostname=self.name, machine_id=self.hardware, boot_id="boot-1", version="1.0")

    async def join(self, line: Line, *, clock: float = 0.0) -> JoinReply:
        """As ``cluster-ai agent join`` does it. ``clock``: how far its own is ahead."""
        await asyncio.to_thread(self.folder.mkdir, exist_ok=True)
        newcomer = Newcomer(self.name, self.inventory, 11437, bind=HOST)
        ground = Ground(self.folder / "membership.json", self.folder / "tls")
        self.reply = await join(line, newcomer, ground, now=lambda: self.house.wall + clock)
        return self.reply

    def beat(self, **more: Any) -> Heartbeat:
        """The next heartbeat."""
        values: dict[str, Any] = {
            "number": next(self._numbers), "boot_id": "boot-1", "sent_at": self.house.wall,
            "port": 11437, "revoked_number": 1,
        }  # fmt: skip
        return Heartbeat(**values | ({} if "node_id" in more else {"node_id": self.id}) | more)

    async def context(self) -> ssl.SSLContext:
        return await asyncio.to_thread(client_context, self.store.folder)

    async def send(self, **more: Any) -> HeartbeatReply:
        """A heartbeat over a connection of its own, and the head's answer."""
        status, said = await post(self.house.port, "/heartbeat", self.beat(**more), tls=await self.context())
        assert status == 200, said
        return HeartbeatReply.model_validate(said)


def request_of(name: str, **more: Any) -> JoinRequest:
    """What a machine sends to join."""
    values: dict[str, Any] = {
        "name": name, "request": request_for(new_key(), name), "sent_at": 1.0, "port": 11437, "addresses": (HOST,),
        "inventory": Inventory(hostname=name, machine_id=f"id-of-{name}"),
    }  # fmt: skip
    return JoinRequest(**values | more)


async def post(
    port: int,
    path: str,
    body: Any,
    *,
    tls: ssl.SSLContext,
    token: str = "",
    session: aiohttp.ClientSession | None = None,
) -> tuple[int, Any]:
    """Status and JSON of the answer. Raises what aiohttp raises."""
    raw = body if isinstance(body, bytes) else body.model_dump_json().encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    own = session or aiohttp.ClientSession(trust_env=False)
    try:
        call = own.post(f"https://{HOST}:{port}{path}", data=raw, ssl=tls, server_hostname=HEAD_HOST, headers=headers)
        async with call as response:
            return response.status, await response.json(content_type=None)
    finally:
        if session is None:
            await own.close()


def stranger(authority: str) -> ssl.SSLContext:
    """Of somebody who knows the cluster's authority and has no certificate."""
    return ssl.create_default_context(cadata=authority)


async def _nothing(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})
