"""A whole agent beside a head, both with their doors open: what it tells, what it does, and what it refuses."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cluster_ai.core.paths import Home
from cluster_ai.node_agent.joining import Ground, Newcomer, join
from cluster_ai.node_agent.serve import running
from cluster_ai.nodes.bundle import member
from cluster_ai.nodes.records import GivenOrder
from cluster_ai.pki.contexts import client_context
from cluster_ai.pki.types import node_host
from cluster_ai.settings import load
from cluster_ai.shares import share_here
from tests.fakes.fleet import Fleet
from tests.machines.house import HOST, Head, House, Machine
from tests.ports import free_base

pytestmark = pytest.mark.real
CONFIG = """
port_base = {base}
[agent]
ollama_url = "{ollama}"
engine = "ollama"
allow_exec = {allow_exec}
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@dataclass
class Box:
    """A machine whose agent runs, as its head and others reach it."""

    head: Head
    home: Home
    port: int
    node_id: str

    async def ask(self, method: str, path: str, body: Any = None, *, tls: Path | None = None) -> tuple[int, Any]:
        """At the machine's door, as the head, or with the certificate in ``tls``."""
        context = await asyncio.to_thread(client_context, tls or self.head.house.files.store)
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.request(
                method,
                f"https://{HOST}:{self.port}{path}",
                json=body,
                ssl=context,
                server_hostname=node_host(self.node_id),
            ) as answer,
        ):
            text = await answer.text()
            if answer.content_type.endswith("ndjson"):
                return answer.status, [json.loads(line) for line in text.splitlines()]
            return answer.status, json.loads(text)

    async def obeyed(self, verb: str, argument: str = "") -> GivenOrder:
        """How an order ended."""
        given = await self.head.fleet.order("box", verb, argument, by="owner")
        async with asyncio.timeout(20):
            while True:
                for order in await self.head.fleet.machines.last_orders(self.node_id):
                    if order.id == given.id and order.done_at is not None:
                        return order
                await asyncio.sleep(0.1)


@asynccontextmanager
async def box(head: Head, folder: Path, *, ollama: str, allow_exec: bool = False) -> AsyncIterator[Box]:
    home, base = Home(folder), free_base()
    await asyncio.to_thread(home.make)
    text = CONFIG.format(base=base, ollama=ollama, allow_exec=str(allow_exec).lower())
    await asyncio.to_thread(home.config.write_text, text)
    inventory = Machine(head.house, "box").inventory
    ground = Ground(home.membership, home.tls)
    newcomer = Newcomer("box", inventory, base + 7, bind=HOST)
    reply = await join(await head.line(), newcomer, ground, now=time.time)
    settings = await asyncio.to_thread(load, {"CLUSTER_AI_HOME": str(folder)})
    async with running(settings):
        told = Box(head, home, base + 7, reply.node_id)
        async with asyncio.timeout(20):
            while (await asyncio.to_thread(member.agent_says, home.root)).get("head", {}).get("answers") is not True:
                await asyncio.sleep(0.05)
        yield told


def test_what_a_machine_tells_and_does_for_its_head_alone(house: House, tmp_path: Path) -> None:
    async def story(head: Head) -> None:
        async with Fleet(1) as fleet, box(head, tmp_path / "home", ollama=fleet.nodes[0].url, allow_exec=True) as one:
            status, told = await one.ask("GET", "/-/state")
            assert status == 200
            assert told["inventory"]["memory"] > told["gauges"]["memory_free"] > 0
            assert [service["kind"] for service in told["services"]] == ["ollama"]
            assert "smollm2:135m" in {model["name"] for model in told["models"]}
            assert told["silent"] == {}
            known = head.fleet.named("box")
            assert known.machine.inventory.boot_id == told["inventory"]["boot_id"]
            settings = await asyncio.to_thread(load, {"CLUSTER_AI_HOME": str(one.home.root)})
            here = await asyncio.to_thread(share_here, settings)
            shown = head.fleet.view(known).share
            assert shown is not None
            assert (shown.workers, shown.threads, shown.memory) == (here.workers, here.threads, here.memory)

            assert (await one.ask("GET", "/-/health"))[1]["name"] == "box"
            status, lines = await one.ask("POST", "/-/exec", {"argv": ["echo", "here"]})
            assert (status, lines[0]) == (200, {"out": "here\n"})
            other = await head.joined("other")
            for method, path in (("GET", "/-/state"), ("POST", "/-/exec"), ("GET", "/-/logs")):
                assert (await one.ask(method, path, tls=other.store.folder))[0] == 403
            status, told = await one.ask("GET", "/-/blobs/sha256:" + "0" * 64, tls=other.store.folder)
            assert (status, told["code"]) == (404, "not_found")

    house.tell(story)


def test_orders_end_with_a_reason_that_reaches_the_head(house: House, tmp_path: Path) -> None:
    async def story(head: Head) -> None:
        async with Fleet(1) as fleet, box(head, tmp_path / "home", ollama=fleet.nodes[0].url) as one:
            assert "no supervisor runs" in (await one.obeyed("restart")).error
            assert "checkout" in (await one.obeyed("upgrade")).error
            status, told = await one.ask("POST", "/-/exec", {"argv": ["true"]})
            assert (status, told["code"]) == (403, "exec_off")
            assert (await one.obeyed("leave")).error == ""
            assert not one.home.membership.exists()
            async with asyncio.timeout(20):
                while (one.home.tls / "current").exists():
                    await asyncio.sleep(0.1)

    house.tell(story)
