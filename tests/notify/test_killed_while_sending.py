"""The process that sends is killed at any instant: every event arrives, under one id, and no delivery is made twice."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from cluster_ai.core.db import Database
from cluster_ai.core.events import Event
from cluster_ai.core.ids import new_id
from cluster_ai.notify import outbound, tables
from cluster_ai.notify.types import NewEndpoint
from tests.notify.conftest import Desk
from tests.notify.listener import Listener, listening

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
EVENTS = 60


class Sender:
    """The room in a process of its own."""

    def __init__(self, desk: Desk, listener: Listener) -> None:
        words = [sys.executable, "-m", "tests.notify.sender", desk.url, str(desk.secrets), listener.origin]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        with self._process:
            self._process.send_signal(signal.SIGKILL)
        assert self._process.returncode == -signal.SIGKILL


async def expire_leases(database: Database) -> None:
    """Time passes for what the killed process had taken."""
    async with database.transaction() as connection:
        now = time.time()
        taken = tables.deliveries.c.next_at.between(now, now + outbound.LEASE_SECONDS)
        await connection.execute(tables.deliveries.update().where(taken).values(next_at=now))


async def rows_of(database: Database) -> list[tuple[str, str]]:
    async with database.read() as connection:
        found = await connection.execute(select(tables.deliveries.c.event_id, tables.deliveries.c.state))
        return [(row.event_id, row.state) for row in found]


def test_kill_at_any_instant_loses_nothing_and_makes_nothing_twice(desk: Desk) -> None:
    draw = random.Random(7)

    async def story(listener: Listener) -> None:
        # Ids must not repeat over processes here, and the clock is everybody's.
        desk.now = time.time()
        async with desk.opened(listener.origin) as (room, database):
            await room.webhooks.add(NewEndpoint(url=listener.url, events=["ticket.*"]))
            waiting = [Event(new_id(), "ticket.failed", "t1", {}, desk.now) for _ in range(EVENTS)]
            wanted = {event.id for event in waiting}
            for batch in range(6):
                sender = await asyncio.to_thread(Sender, desk, listener)
                await desk.happen(database, *waiting[batch * 10 : batch * 10 + 10])
                # Somewhere between the outbox and the last mark.
                await asyncio.sleep(draw.uniform(0, 0.25))
                await asyncio.to_thread(sender.kill)
                await expire_leases(database)
            sender = await asyncio.to_thread(Sender, desk, listener)
            try:
                async with asyncio.timeout(60):
                    while [state for _, state in await rows_of(database)] != ["sent"] * EVENTS:
                        await expire_leases(database)
                        await asyncio.sleep(0.05)
            finally:
                await asyncio.to_thread(sender.kill)
            made = [name for name, _ in await rows_of(database)]
            assert sorted(made) == sorted(wanted), "one delivery for each event"
        assert {said["id"] for said in listener.said()} == wanted
        assert all(headers["webhook-id"] in wanted for headers, _ in listener.heard)

    with listening() as listener:
        asyncio.run(story(listener))
