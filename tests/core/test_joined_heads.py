"""Heads of answers leave together with their bodies, and never wait for one."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from cluster_ai.core.alarm import Alarm
from cluster_ai.core.asgi.heads import JoinedHeads
from tests.backend.running import applications

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Written(asyncio.Transport):
    """What a system would be asked to send, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def writelines(self, rows: tuple[bytes, ...]) -> None:
        self.calls.append(b"".join(rows))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def on_a_loop(test: Callable[[Written, JoinedHeads], Awaitable[None]]) -> list[bytes]:
    async def run() -> list[bytes]:
        written = Written()
        await test(written, JoinedHeads(written, asyncio.get_running_loop()))
        return written.calls

    return uvloop.run(run())


def test_a_short_answer_is_sent_at_once() -> None:
    async def answer(_: Written, transport: JoinedHeads) -> None:
        for _ in range(2):
            transport.write(HEAD)
            transport.write(b"ok")

    assert on_a_loop(answer) == [HEAD + b"ok"] * 2


def test_a_head_alone_waits_for_one_turn_of_the_loop() -> None:
    async def answer(written: Written, transport: JoinedHeads) -> None:
        transport.write(HEAD)
        assert not written.calls
        await asyncio.sleep(0)
        assert written.calls == [HEAD]
        transport.write(b"ok")

    assert on_a_loop(answer) == [HEAD, b"ok"]


def test_a_head_is_sent_before_the_end() -> None:
    async def answer(written: Written, transport: JoinedHeads) -> None:
        transport.write(HEAD)
        transport.close()
        assert written.closed

    assert on_a_loop(answer) == [HEAD]


async def late(_request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.5)
        yield b"late"

    return StreamingResponse(pieces())


@pytest.mark.real
def test_a_client_sees_the_head_of_an_answer_that_has_no_body_yet() -> None:
    with applications() as served:
        port = int(served.start(Starlette(routes=[Route("/late", late)])).rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
            first = sock.recv(65536)
            assert first.startswith(b"HTTP/1.1 200")
            assert b"late" not in first


def test_an_alarm_rings_once_at_its_last_time() -> None:
    async def run() -> list[float]:
        rung = list[float]()
        began = time.monotonic()
        alarm = Alarm(lambda: rung.append(time.monotonic() - began))
        alarm.set(0.05)
        alarm.set(0.2)
        await asyncio.sleep(0.1)
        assert not rung
        assert alarm.is_set
        await asyncio.sleep(0.4)
        assert not alarm.is_set
        return rung

    (at,) = uvloop.run(run())
    assert at >= 0.195, "uvloop counts in milliseconds, and from the beginning of its turn"


def test_an_alarm_that_is_set_to_come_sooner_does() -> None:
    async def run() -> list[int]:
        rung = list[int]()
        alarm, cleared = Alarm(lambda: rung.append(1)), Alarm(lambda: rung.append(2))
        alarm.set(60)
        alarm.set(0.02)
        cleared.set(0.02)
        cleared.clear()
        await asyncio.sleep(0.2)
        return rung

    assert uvloop.run(run()) == [1]
