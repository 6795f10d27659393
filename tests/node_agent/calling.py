"""The agent's API as its callers see it: over its Unix socket, with the header that the machine's door writes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from cluster_ai.node_agent.api.app import AgentApi, App, Rooms
from cluster_ai.node_agent.api.asked import Asked
from cluster_ai.node_agent.api.opening import open_api

CLUSTER = "11111111-2222-4333-8444-555555555555"
HEAD = f"cluster-ai://{CLUSTER}/head"
OTHER = f"cluster-ai://{CLUSTER}/node/99999999-2222-4333-8444-555555555555"


@dataclass
class Caller:
    """Asks as the head, unless told otherwise."""

    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: Any = None, *, peer: str | None = HEAD) -> tuple[int, Any]:
        """Status, and the answer: its lines when it has lines, else its value."""
        async with self.open(method, path, body, peer=peer) as answer:
            text = await answer.text()
            if answer.content_type.endswith("ndjson"):
                return answer.status, [json.loads(line) for line in text.splitlines()]
            return answer.status, json.loads(text) if text else None

    @asynccontextmanager
    async def open(
        self, method: str, path: str, body: Any = None, *, peer: str | None = HEAD
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {} if peer is None else {"x-cluster-peer": peer}
        async with self.session.request(method, f"http://localhost{path}", json=body, headers=headers) as answer:
            yield answer


async def said(asked: Asked) -> None:
    """An answer where a test is about something else."""
    await asked.say({"path": asked.path})


def rooms(files: App | None = None, **answers: Any) -> Rooms:
    known = dict.fromkeys(("health", "state", "logs", "execute", "load", "unload"), said)
    return Rooms(**(known | answers), files=files)


@asynccontextmanager
async def calling(folder: Path, what: Rooms) -> AsyncIterator[Caller]:
    async with open_api(AgentApi(what), folder, "agent.sock"):
        # Each question on a connection of its own: whoever leaves leaves all of it.
        connector = aiohttp.UnixConnector(str(folder / "agent.sock"), force_close=True)
        limits = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(connector=connector, timeout=limits) as session:
            yield Caller(session)
