"""How long a node that says nothing is waited for: long while it lives, briefly once it is gone without a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from cluster_ai.gateway.managing.questions import NodeFailed, Patience, records
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.types import GatewaySettings, UpstreamSettings, UpstreamState
from tests.fakes.fleet import Fleet

pytestmark = [pytest.mark.real, pytest.mark.anyio]
PULL = b'{"model": "new:1b"}'


@asynccontextmanager
async def asking(fleet: Fleet) -> AsyncIterator[tuple[aiohttp.ClientSession, Upstream]]:
    row = UpstreamSettings(name="a", url=fleet.nodes[0].url)
    pool = Pool(GatewaySettings(upstreams=(row,)), embedded_url=None, clock=asyncio.get_running_loop().time)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session, pool.get("a")


async def said(session: aiohttp.ClientSession, upstream: Upstream, patience: Patience) -> list[str]:
    return [row["status"] async for row in records(session, upstream, "/api/pull", PULL, patience=patience)]


async def test_a_node_that_lives_may_be_silent(fleet: Fleet) -> None:
    fleet.nodes[0].set(pull=1.2)  # 0.3 s between two records
    async with asking(fleet) as (session, upstream):
        upstream.state = UpstreamState.HEALTHY
        patience = Patience(silence=30.0, down=0.05, look=0.02)
        assert (await said(session, upstream, patience))[-1] == "success"


async def test_a_node_that_is_down_is_given_up_soon(fleet: Fleet) -> None:
    fleet.nodes[0].set(frozen=True)
    async with asking(fleet) as (session, upstream):
        upstream.state = UpstreamState.DOWN
        with pytest.raises(NodeFailed, match="a: no answer in time") as failed:
            await said(session, upstream, Patience(silence=30.0, down=0.1, look=0.02))
        assert not failed.value.started, "another node may be asked"


async def test_a_node_that_comes_back_is_waited_for_afresh(fleet: Fleet) -> None:
    fleet.nodes[0].set(pull=2.4)
    async with asking(fleet) as (session, upstream):
        upstream.state = UpstreamState.DOWN
        waiting = asyncio.create_task(said(session, upstream, Patience(silence=30.0, down=0.5, look=0.05)))
        await asyncio.sleep(0.3)
        upstream.state = UpstreamState.HEALTHY
        assert (await waiting)[-1] == "success"


async def test_silence_has_an_end_even_so(fleet: Fleet) -> None:
    fleet.nodes[0].set(pull=40.0)
    async with asking(fleet) as (session, upstream):
        upstream.state = UpstreamState.HEALTHY
        with pytest.raises(NodeFailed, match="no answer in time") as failed:
            await said(session, upstream, Patience(silence=0.3, down=30.0, look=0.05))
        assert failed.value.started
    await fleet.nodes[0].until_async(lambda seen: seen.cancelled == 1)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"not json\n", "cannot be read"),
        (b"[]\n", "cannot be read"),
        (b'{"status": "pulling"}\n', "ended without success"),
        (b"", "ended without success"),
        (b'{"error": "disk full"}\n', "disk full"),
        (b"x" * 1_200_000, "has no end"),
        (b'{"status": "a"}\n{"status": "success"', "cannot be read"),
    ],
)
async def test_what_is_no_report_is_a_failure_of_the_node(raw: bytes, reason: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    row = UpstreamSettings(name="a", url=f"http://127.0.0.1:{port}")
    pool = Pool(GatewaySettings(upstreams=(row,)), embedded_url=None, clock=asyncio.get_running_loop().time)
    async with server, aiohttp.ClientSession() as session:
        with pytest.raises(NodeFailed, match=reason):
            await said(session, pool.get("a"), Patience())
