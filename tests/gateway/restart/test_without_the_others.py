"""Chat keeps flowing while the API and the database are gone: answering is not managing."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.fakes.fleet import Fleet
from tests.gateway.restart.clients import ask, client
from tests.gateway.restart.conftest import Stage, opened, warm

pytestmark = [pytest.mark.real]
SECONDS = 5.0


def chats(stage: Stage) -> set[int]:
    async def run() -> set[int]:
        found = set()
        async with client() as session:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                found |= set(await asyncio.gather(*(ask(session, stage.url) for _ in range(4))))
        return found

    return asyncio.run(run())


def test_chat_goes_on_with_the_api_stopped_and_the_database_gone(tmp_path: Path, nodes: Fleet) -> None:
    warm(nodes)
    with opened(tmp_path, nodes, parts="gateway,backend") as stage:
        api = stage.pid("backend")
        os.kill(api, signal.SIGSTOP)
        database = stage.home.database
        for path in database.parent.glob("cluster.db*"):
            path.unlink()
        database.mkdir()
        try:
            assert chats(stage) == {200}
            assert stage.get("/-/ready") == (200, {"status": "ready"})
            # Not even a new process needs them.
            before = stage.pid()
            asyncio.run(stage.control.restart("gateway"))
            assert chats(stage) == {200}
            assert stage.pid() != before
        finally:
            os.kill(api, signal.SIGCONT)
