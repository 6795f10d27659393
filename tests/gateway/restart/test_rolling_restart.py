"""A restart replaces the process and nobody notices."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.gateway.restart.clients import Stream, ask, client, spread, stream
from tests.gateway.restart.conftest import Open, Stage
from tests.waiting import until

pytestmark = [pytest.mark.real]


async def replaced(stage: Stage, old: int) -> None:
    """Waits until another process is the gateway, and ready."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        part = next(part for part in (await stage.control.status()).parts if part.name == "gateway")
        if part.pid != old and part.state == "ready":
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the gateway was not replaced")


def test_two_hundred_streams_across_a_restart_are_all_whole(gateway: Stage) -> None:
    old = gateway.pid()

    async def run() -> list[Stream]:
        async with client() as session:
            # Some began before the restart, some during it, some after: the old process has streams to end.
            streams = await spread(session, gateway.url, count=80, seconds=2, tokens=80)
            await gateway.control.restart("gateway")
            streams += await spread(session, gateway.url, count=120, seconds=4, tokens=40)
            await replaced(gateway, old)
            return await asyncio.gather(*streams)

    seen = asyncio.run(run())
    broken = [one for one in seen if not one.is_whole]
    assert not broken, broken[:3]
    assert [one.tokens for one in seen] == [80] * 80 + [40] * 120
    print(f"largest time to the first token: {max(one.ttft for one in seen):.2f} s")
    until(lambda: not Path(f"/proc/{old}").exists(), seconds=10, what="the old process has ended by itself")
    assert gateway.part().error == ""


def test_a_client_that_keeps_its_connection_loses_no_request(gateway: Stage) -> None:
    old = gateway.pid()

    async def run() -> list[int]:
        found = []
        async with client(keeps=True) as session:
            await gateway.control.restart("gateway")
            restart = asyncio.create_task(replaced(gateway, old))
            while not restart.done() or len(found) < 50:
                found += await asyncio.gather(*(ask(session, gateway.url) for _ in range(4)))
            await restart
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                found.append(await ask(session, gateway.url))
        return found

    assert set(asyncio.run(run())) == {200}


def test_a_process_that_does_not_become_ready_changes_nothing(gateway: Stage) -> None:
    old = gateway.pid()
    config = gateway.home.config.read_text()
    gateway.home.config.write_text("[gateway\n")
    asyncio.run(gateway.control.restart("gateway"))
    until(lambda: gateway.part().error, what="the reason is shown")
    part = gateway.part()
    assert (part.pid, part.state, part.replacing) == (old, "ready", False)
    assert "config.toml, line 1" in part.error
    assert gateway.get("/-/ready") == (200, {"status": "ready"})
    gateway.home.config.write_text(config)
    asyncio.run(gateway.control.restart("gateway"))
    asyncio.run(replaced(gateway, old))
    assert gateway.part().error == ""


def test_streams_that_take_longer_than_the_drain_are_cut_visibly(stage: Open) -> None:
    gateway = stage(drain_seconds=1.0)
    old = gateway.pid()

    async def run() -> Stream:
        async with client() as session:
            going = asyncio.create_task(stream(session, gateway.url, tokens=400))
            await asyncio.sleep(0.5)
            await gateway.control.restart("gateway")
            return await going

    seen = asyncio.run(run())
    assert not seen.is_whole
    assert seen.failed, "the connection says that this is not the end"
    assert "stopping" in seen.said, "and a record says why"
    assert 0 < seen.tokens < 400
    until(lambda: not Path(f"/proc/{old}").exists(), seconds=10, what="the old process has ended")


def test_a_draining_gateway_says_so_and_closes_connections_after_their_answer(stage: Open) -> None:
    gateway = stage(drain_notice_seconds=2.0)
    pid = gateway.pid()

    async def run() -> tuple[int, str]:
        async with client(keeps=True) as session:
            going = asyncio.create_task(stream(session, gateway.url, tokens=100))
            await asyncio.sleep(0.3)
            async with session.get(f"{gateway.url}/-/ready") as said:
                assert said.status == 200
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + 2
            status, connection = 200, ""
            while status == 200 and time.monotonic() < end:
                async with session.get(f"{gateway.url}/health") as said:
                    assert said.status in {200, 503}
                async with session.get(f"{gateway.url}/-/ready") as said:
                    status, connection = said.status, said.headers.get("connection", "")
                await asyncio.sleep(0.05)
            assert (await going).is_whole
            return status, connection

    assert asyncio.run(run()) == (503, "close")


def test_when_all_stops_a_long_stream_is_told_and_nobody_waits_for_its_end(stage: Open) -> None:
    gateway = stage()

    async def run() -> Stream:
        async with client() as session:
            going = asyncio.create_task(stream(session, gateway.url, tokens=400))
            await asyncio.sleep(0.5)
            gateway.process.send_signal(signal.SIGTERM)
            return await going

    began = time.monotonic()
    seen = asyncio.run(run())
    assert gateway.process.wait(timeout=15) == 0
    assert time.monotonic() - began < 15, "the answer would have taken 20 s"
    assert (seen.is_whole, bool(seen.failed)) == (False, True)
    assert "stopping" in seen.said
