"""Who may ask what of the agent."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cluster_ai.node_agent.api.app import AgentApi, may
from cluster_ai.node_agent.api.asked import LARGEST_BODY
from cluster_ai.node_agent.api.loading import Loading
from cluster_ai.node_agent.api.opening import open_api
from cluster_ai.pki.types import PeerRole
from tests.fakes.fleet import Fleet
from tests.node_agent.calling import HEAD, OTHER, calling, rooms

pytestmark = pytest.mark.anyio
ALL = [
    ("GET", "/-/health"),
    ("GET", "/-/state"),
    ("GET", "/-/logs"),
    ("POST", "/-/exec"),
    ("POST", "/-/load"),
    ("POST", "/-/unload"),
]


async def files(scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b'"files"'})


@pytest.mark.parametrize(("method", "path"), ALL)
async def test_the_head_may_all_and_machines_may_not(tmp_path: Path, method: str, path: str) -> None:
    async with calling(tmp_path, rooms()) as caller:
        assert await caller.ask(method, path) == (200, {"path": path})
        status, told = await caller.ask(method, path, peer=OTHER)
        assert (status, told["code"]) == (403, "forbidden")


async def test_the_machines_own_user_may_look(tmp_path: Path) -> None:
    async with calling(tmp_path, rooms(files)) as caller:
        allowed = {path for method, path in ALL if (await caller.ask(method, path, peer=None))[0] == 200}
        assert allowed == {"/-/health", "/-/state"}
        assert (await caller.ask("GET", "/-/models/x", peer=None))[0] == 403


@pytest.mark.parametrize("peer", ["", "head", "cluster-ai://x/head", f"{HEAD}/more", f"{HEAD},{HEAD}"])
async def test_a_caller_whom_the_door_does_not_name_is_refused(tmp_path: Path, peer: str) -> None:
    async with calling(tmp_path, rooms()) as caller:
        status, told = await caller.ask("GET", "/-/health", peer=peer)
        assert (status, told["code"]) == (401, "unauthenticated")


async def test_machines_may_read_files_of_models_and_nothing_else_of_them(tmp_path: Path) -> None:
    async with calling(tmp_path, rooms(files)) as caller:
        for path in ("/-/models/smollm2:135m", "/-/blobs/sha256:00"):
            assert await caller.ask("GET", path, peer=OTHER) == (200, "files")
            assert (await caller.ask("DELETE", path, peer=OTHER))[0] == 403
        assert (await caller.ask("POST", "/-/copies", peer=OTHER))[0] == 403
        assert await caller.ask("POST", "/-/copies") == (200, "files")


async def test_a_machine_without_files_says_so(tmp_path: Path) -> None:
    async with calling(tmp_path, rooms()) as caller:
        status, told = await caller.ask("GET", "/-/blobs/sha256:00")
        assert (status, told["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/", "/-/", "/-/exec/", "/api/tags", "/-/blobsx"])
async def test_there_is_nothing_else(tmp_path: Path, path: str) -> None:
    async with calling(tmp_path, rooms()) as caller:
        assert (await caller.ask("POST", path))[0] == 404


def test_the_table_names_what_machines_may() -> None:
    assert may(PeerRole.NODE, "HEAD", "/-/blobs/x")
    assert not may(PeerRole.NODE, "POST", "/-/blobs/x")
    assert not may(PeerRole.NODE, "GET", "/-/state")
    assert may(PeerRole.HEAD, "POST", "/-/exec")


async def test_the_socket_is_this_users_alone(tmp_path: Path) -> None:
    async with calling(tmp_path, rooms()):
        assert (tmp_path / "agent.sock").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "agent.sock").exists()


class Work:
    """What goes on as long as somebody waits for it."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def __call__(self, _asked: Any) -> None:
        self.begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.ended.set()


async def test_work_ends_with_its_caller(tmp_path: Path) -> None:
    work = Work()
    async with calling(tmp_path, rooms(state=work)) as caller:
        asking = asyncio.create_task(caller.ask("GET", "/-/state"))
        await work.begun.wait()
        asking.cancel()
        await asyncio.wait_for(work.ended.wait(), 10)


async def test_work_ends_with_the_agent(tmp_path: Path) -> None:
    work = Work()
    async with AsyncExitStack() as agent:
        await agent.enter_async_context(open_api(AgentApi(rooms(state=work)), tmp_path, "agent.sock"))
        reader, writer = await asyncio.open_unix_connection(tmp_path / "agent.sock")
        writer.write(f"GET /-/state HTTP/1.1\r\nhost: x\r\nx-cluster-peer: {HEAD}\r\n\r\n".encode())
        await work.begun.wait()
        await agent.aclose()
        assert work.ended.is_set()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_models_are_loaded_and_let_go(tmp_path: Path) -> None:
    async with Fleet(1) as fleet, aiohttp.ClientSession() as session:
        node = fleet.nodes[0]
        loading = Loading(session, lambda: ("127.0.0.1", node.port))
        async with calling(tmp_path, rooms(load=loading.load, unload=loading.unload)) as caller:
            for model in ("smollm2:135m", "all-minilm:latest"):
                done = (200, {"status": "success"})
                assert await caller.ask("POST", "/-/load", {"model": model, "keep_alive": -1}) == done
                assert model in await resident(session, node.url)
                assert await caller.ask("POST", "/-/unload", {"model": model}) == done
                assert model not in await resident(session, node.url)
            status, told = await caller.ask("POST", "/-/load", {"model": "nobody:has"})
            assert (status, told["code"]) == (404, "not_found")


async def resident(session: aiohttp.ClientSession, url: str) -> set[str]:
    async with session.get(f"{url}/api/ps") as answer:
        return {row["name"] for row in (await answer.json())["models"]}


async def test_without_an_engine_nothing_is_loaded(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        loading = Loading(session, lambda: None)
        gone = Loading(session, lambda: ("127.0.0.1", 9))
        async with calling(tmp_path, rooms(load=loading.load, unload=gone.unload)) as caller:
            for verb in ("load", "unload"):
                status, told = await caller.ask("POST", f"/-/{verb}", {"model": "smollm2:135m"})
                assert (status, told["code"]) == (503, "unavailable")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"model": "../../etc/passwd"},
        {"model": "x", "keep_alive": -2},
        {"model": "x", "more": 1},
        {"model": "x" * LARGEST_BODY},
    ],
)
async def test_what_must_not_be_said_is_refused(tmp_path: Path, body: Any) -> None:
    async with aiohttp.ClientSession() as session:
        loading = Loading(session, lambda: None)
        async with calling(tmp_path, rooms(load=loading.load)) as caller:
            status, told = await caller.ask("POST", "/-/load", body)
            assert (status, told["code"]) == (400, "invalid_input")
