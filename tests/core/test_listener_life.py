"""A server whose application has died does not serve on."""

import asyncio
from typing import Any

import pytest
import structlog

from cluster_ai.core.asgi.serve import serve
from tests.ports import free_port


async def mortal(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await asyncio.sleep(0.05)
    raise LookupError("a loop stumbled")


async def sickly(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise LookupError("cannot start")


def test_the_server_ends_with_its_application_and_says_why() -> None:
    async def story() -> None:
        async with asyncio.timeout(10):
            await serve(mortal, host="127.0.0.1", port=free_port(), stop_seconds=0.1)

    with pytest.raises(LookupError, match="a loop stumbled"):
        asyncio.run(story())


def test_a_start_that_fails_ends_at_once() -> None:
    async def story() -> None:
        async with asyncio.timeout(10):
            await serve(sickly, host="127.0.0.1", port=free_port(), stop_seconds=0.1)

    with pytest.raises(SystemExit):
        asyncio.run(story())


async def lingering(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.sleep(60)


def test_an_application_that_does_not_end_is_left_and_the_log_says_where_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cluster_ai.core.asgi.serve.PUT_AWAY_SECONDS", 0.1)
    # Of its own, whatever was configured by what ran before.
    said = structlog.testing.LogCapture()
    keeping = structlog.wrap_logger(None, processors=[said], wrapper_class=structlog.make_filtering_bound_logger(0))
    monkeypatch.setattr("cluster_ai.core.asgi.serve.log", keeping)

    async def story() -> None:
        async with asyncio.timeout(10):
            stopping = asyncio.Event()
            stopping.set()
            await serve(lingering, host="127.0.0.1", port=free_port(), stop_seconds=0.1, stopping=stopping)

    asyncio.run(story())
    [line] = [line for line in said.entries if line["event"] == "the application does not come to its end, and is left"]
    assert any("sleep (" in task and "< lingering (test_listener_life.py" in task for task in line["waiting"]), line
