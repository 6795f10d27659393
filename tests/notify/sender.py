"""The notify room as a process of its own, to be killed: ``python -m tests.notify.sender DATABASE SECRETS ORIGIN``."""

import asyncio
import random
import secrets
import sys
import time
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.db import open_database
from cluster_ai.core.events import Event
from cluster_ai.core.ids import new_id
from cluster_ai.notify.chance import Chance
from cluster_ai.notify.opening import Around, Given, open_room
from cluster_ai.notify.types import NotifySettings, Outcome


def ignore(_event: Event) -> None:
    """Nobody listens in here."""


async def refuse(_connection: AsyncConnection, _outcome: Outcome) -> None:
    raise AssertionError("no pipeline speaks to this process")


async def main(url: str, folder: str, origin: str) -> None:
    chance = Chance(time.time, new_id, secrets.token_bytes, random.random)
    given = Given(Path(folder), chance, NotifySettings(allow=(origin,)), poll_seconds=0.02)
    async with open_database(url, on_fatal=print) as database, open_room(database, given, Around(ignore, refuse)):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
