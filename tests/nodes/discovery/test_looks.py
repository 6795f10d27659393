"""A service is named by what it says, and whatever it says, it cannot hurt."""

import asyncio
import json
import shutil
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.nodes.discovery import kinds
from cluster_ai.nodes.discovery.looks import Patience, look
from cluster_ai.nodes.discovery.types import Kind, Service
from cluster_ai.pki.contexts import server_context
from tests.nodes.discovery.scripted import Talk, page, pages, says, talking
from tests.pki.members import CLUSTER, Members
from tests.ports import free_port

pytestmark = pytest.mark.anyio
QUICK = Patience(question=1.0, port=6.0)
HTML = "text/html; charset=utf-8"


async def named(port: int) -> Service:
    return await look("127.0.0.1", port, QUICK)


async def test_ollama_with_what_it_has() -> None:
    answers = {
        "GET /": page("Ollama is running", kind="text/plain"),
        "GET /api/version": page('{"version":"0.12.6"}'),
        "GET /api/tags": page(json.dumps({"models": [{"name": "smollm2:135m"}, {"name": "a\x1b[31m" + "b" * 200}]})),
    }
    async with pages(answers) as one:
        found = await named(one.port)
    assert (found.kind, found.name, found.version) == (Kind.OLLAMA, "Ollama", "0.12.6")
    assert found.models == ("smollm2:135m", ("a [31m" + "b" * 200)[:80])


async def test_our_gateway_is_no_ollama() -> None:
    answers = {"GET /": page("Ollama is running", kind="text/plain"), "GET /health": page('{"status":"ok"}')}
    async with pages(answers) as one:
        assert (await named(one.port)).kind is Kind.CLUSTER_GATEWAY


@pytest.mark.parametrize("path", ["/.well-known/agent-card.json", "/.well-known/agent.json"])
async def test_an_agent_by_its_card(path: str) -> None:
    card = {"name": "Planner", "version": "1.2.0", "skills": [], "url": "http://evil.test/"}
    async with pages({f"GET {path}": page(json.dumps(card))}) as one:
        found = await named(one.port)
    assert (found.kind, found.name, found.version) == (Kind.AGENT, "Planner", "1.2.0")


@pytest.mark.parametrize("streamed", [False, True])
async def test_tools_for_models(*, streamed: bool) -> None:
    told = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"serverInfo": {"name": "files", "version": "0.3"}}})
    answer = page(f"event: message\ndata: {told}\n\n", kind="text/event-stream") if streamed else page(told)
    async with pages({"GET /mcp": page("{}", status=406), "POST /mcp": answer}) as one:
        found = await named(one.port)
    assert (found.kind, found.name, found.version) == (Kind.MCP, "files", "0.3")


async def test_an_api_by_its_description() -> None:
    described = page(json.dumps({"openapi": "3.1.0", "info": {"title": "Orders", "version": "2.0"}}))
    async with pages({"GET /openapi.json": described}) as one:
        found = await named(one.port)
    assert (found.kind, found.name, found.version) == (Kind.API, "Orders", "2.0")


async def test_a_page_by_its_title() -> None:
    async with pages({"GET /": page("<html><title>Open WebUI</title></html>", kind=HTML)}) as one:
        found = await named(one.port)
    assert (found.kind, found.name) == (Kind.WEB, "Open WebUI")


async def test_a_web_socket() -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    async with pages({"GET /": page("", status=426, kind="text/plain"), "WS /": switch}) as one:
        assert (await named(one.port)).kind is Kind.WEBSOCKET


async def test_an_answer_in_chunks() -> None:
    body = b"5\r\nOllam\r\nc\r\na is running\r\n0\r\n\r\n"
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    async with pages({"GET /": raw}) as one:
        assert (await named(one.port)).kind is Kind.OLLAMA


@pytest.mark.parametrize(
    ("words", "kind", "name", "version"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", Kind.SSH, "Debian-2+deb12u3", "OpenSSH_9.2p1"),
        (b"J\0\0\0\x0a8.0.36\0" + b"x" * 60, Kind.DATABASE, "MySQL", "8.0.36"),
        (b"RFB 003.008\n", Kind.OTHER, "VNC", ""),
        (b"220 mail.lan ESMTP\r\n", Kind.OTHER, "FTP or mail", ""),
        (b"\0\1\2\3", Kind.OTHER, "", ""),
    ],
)
async def test_those_who_speak_first(words: bytes, kind: Kind, name: str, version: str) -> None:
    async with talking(says(words)) as one:
        found = await named(one.port)
    assert (found.kind, found.name, found.version) == (kind, name, version)


@pytest.mark.real
async def test_a_real_redis(tmp_path: Path) -> None:
    port, program = free_port(), shutil.which("redis-server")
    assert program
    redis = subprocess.Popen([program, "--port", str(port), "--save", "", "--dir", tmp_path], stdout=subprocess.DEVNULL)
    try:
        found = None
        for _ in range(20):
            found = await named(port)
            if found.kind is not Kind.OTHER:
                break
            await asyncio.sleep(0.05)
    finally:
        redis.terminate()
        redis.wait(timeout=5)
    assert found == Service(port=port, kind=Kind.DATABASE, name="Redis")


async def test_postgresql_by_its_first_letter() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(8) == bytes.fromhex("0000000804d2162f"):
            writer.write(b"N")
            await writer.drain()

    async with talking(talk) as one:
        found = await named(one.port)
    assert (found.kind, found.name) == (Kind.DATABASE, "PostgreSQL")


async def test_a_head_by_its_certificate(tmp_path: Path) -> None:
    def made() -> ssl.SSLContext:
        return server_context(Members(tmp_path, time.time()).head().folder, clients="required")

    context = await asyncio.to_thread(made)
    async with pages({}, tls=context) as one:
        found = await named(one.port)
    assert (found.kind, found.tls, found.cluster) == (Kind.CLUSTER_HEAD, True, CLUSTER)


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.05)


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("talk", [drip, flood, mute])
async def test_nobody_holds_us(talk: Talk) -> None:
    began = time.monotonic()
    async with talking(talk) as one:
        await look("127.0.0.1", one.port, Patience(question=0.4, port=3.0))
    assert time.monotonic() - began < 10


async def test_no_redirect_is_followed() -> None:
    async with pages({}) as other:
        move = page("", status=302, more=f"Location: http://127.0.0.1:{other.port}/\r\n")
        async with pages({}, otherwise=move) as one:
            await named(one.port)
    assert other.connections == 0


async def test_few_questions_are_asked() -> None:
    async with pages({}) as one:
        await named(one.port)
    assert one.connections <= 10
    assert one.most <= 2
    assert all(line.startswith("GET ") for line in one.asked)


async def test_a_port_that_closed_meanwhile() -> None:
    assert (await named(free_port())).kind is Kind.OTHER


@given(st.binary(max_size=600))
def test_no_bytes_break_the_readers(raw: bytes) -> None:
    for data in (raw, b"HTTP/1.1 200 OK\r\n" + raw, b"HTTP/1.1 200 OK\r\n\r\n" + raw, b"J\0\0\0\x0a" + raw):
        kinds.greeting(1, data)
        kinds.answer(1, data)
        found = kinds.http(data)
        if found is None:
            continue
        for service in (
            kinds.page(1, found),
            kinds.ollama(1, found, found),
            kinds.agent(1, found),
            kinds.mcp(1, found),
            kinds.described(1, found),
        ):
            assert service is None or service.name.isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["name", "version", "models", "info", "title", "result", "serverInfo", "jsonrpc", "skills"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_breaks_the_readers(value: object) -> None:
    found = kinds.Http(200, {"content-type": "application/json"}, json.dumps(value).encode())
    kinds.ollama(1, found, found)
    for service in (kinds.page(1, found), kinds.agent(1, found), kinds.mcp(1, found), kinds.described(1, found)):
        assert service is None or len(service.name) <= 80
