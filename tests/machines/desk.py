"""The verbs of ``cluster-ai node`` on a head that is open to machines, with one whose agent really runs.

The API, the machines' door and the agent live on one loop in a thread; the verbs are processes of their own.
"""

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.machines.opening import machines_served
from cluster_ai.core.paths import Home
from cluster_ai.node_agent.joining import Ground, Newcomer, join
from cluster_ai.node_agent.serve import running
from cluster_ai.nodes.inventory import Inventory, Network
from cluster_ai.nodes.lines import parse_line
from cluster_ai.settings import load
from tests.backend.running import Api, running_api
from tests.backend.world import INTERNAL
from tests.cli.calling import cli, environment
from tests.fakes.fleet import Fleet
from tests.loops import standing
from tests.machines.house import HOST
from tests.ports import free_base, free_port
from tests.waiting import until

MAC = "02:42:ac:11:00:02"
HEAD = """
[machines]
bind = "{host}"
announce = false
[ports]
machines = {port}
"""
AGENT = """
port_base = {base}
[agent]
ollama_url = "{ollama}"
engine = "ollama"
allow_exec = true
"""


@dataclass
class Desk:
    """``tower`` runs and allows commands; ``attic`` has joined and was never heard, and its card is known.

    Around them is the small gateway of the API's tests, which knows what a test tells it.
    """

    api: Api
    tower: Home

    def cli(self, *words: str, language: str = "en", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        env = environment(self.api.home.root, **self.env, CLUSTER_AI_LANG=language)
        return cli(*words, env=env, timeout=timeout)

    @property
    def env(self) -> dict[str, str]:
        """Where a verb finds the API."""
        return {"CLUSTER_AI_HOME": str(self.api.home.root), "CLUSTER_AI_PORTS__BACKEND": str(self.api.port)}

    def ask(self, *words: str, ends: int = 0) -> dict[str, Any]:
        """What a verb tells programs."""
        done = self.cli(*words, "--json")
        assert done.returncode == ends, done.stderr
        return dict(json.loads(done.stdout))

    def machine(self, name: str) -> dict[str, Any]:
        """As the API tells it."""
        with self.api.local() as client:
            answer = client.get(f"/api/v1/machines/{name}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def line(self, *words: str) -> str:
        """A join line, made by the verb."""
        return str(self.ask("node", "invite", *words)["line"])

    def add(self, name: str, *, mac: str = "") -> None:
        """A box that joins, and says nothing afterwards."""
        folder = self.api.home.root.parent / f"box-{name}"
        folder.mkdir()
        cards = (Network(name="eth0", mac=mac, addresses=("10.77.1.9/24",)),) if mac else ()
        self.api.served.run(joined(self.line(), name, folder, port=11_437, networks=cards))


async def joined(line: str, name: str, folder: Path, *, port: int, networks: tuple[Network, ...] = ()) -> None:
    inventory = Inventory(hostname=name, machine_id=f"id-of-{name}", boot_id="b", version="1.0", networks=networks)
    ground = Ground(folder / "membership.json", folder / "tls")
    await join(parse_line(line), Newcomer(name, inventory, port, bind=HOST), ground, now=time.time)


@asynccontextmanager
async def _head(api: Api, port: int) -> AsyncIterator[None]:
    await asyncio.to_thread(api.home.config.write_text, HEAD.format(host=HOST, port=port))
    settings = await asyncio.to_thread(load, {"CLUSTER_AI_HOME": str(api.home.root)})
    async with machines_served(api.plane, settings):
        yield


@asynccontextmanager
async def _tower(line: str, home: Home) -> AsyncIterator[None]:
    base = free_base()
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(Fleet(1))
        await asyncio.to_thread(home.make)
        await asyncio.to_thread(home.config.write_text, AGENT.format(base=base, ollama=fleet.nodes[0].url))
        inventory = Inventory(hostname="tower", machine_id="id-of-tower", boot_id="b", version="1.0")
        newcomer = Newcomer("tower", inventory, base + 7, bind=HOST)
        await join(parse_line(line), newcomer, Ground(home.membership, home.tls), now=time.time)
        settings = await asyncio.to_thread(load, {"CLUSTER_AI_HOME": str(home.root)})
        await stack.enter_async_context(running(settings))
        yield


@contextlib.contextmanager
def open_desk(folder: Path) -> Iterator[Desk]:
    """While the block runs."""
    port, tower = free_port(), Home(folder / "tower")
    with running_api(folder / "home", lan=HOST, lan_port=port) as api:
        api.home.internal_token.write_text(INTERNAL)
        api.home.internal_token.chmod(0o600)
        desk = Desk(api, tower)
        with standing(api.served.loop, _head(api, port)), standing(api.served.loop, _tower(desk.line(), tower)):
            desk.add("attic", mac=MAC)
            until(lambda: desk.machine("tower")["reachable"], seconds=30, what="the head has opened its door")
            yield desk
