"""The catalog room opened: pulls carried out, models looked after, for as long as a block runs."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cluster_ai.catalog.board import Board, Tell
from cluster_ai.catalog.courier import Courier, Pace
from cluster_ai.catalog.entries import Catalogue, read_catalogue
from cluster_ai.catalog.given import Given
from cluster_ai.catalog.residency import Residency
from cluster_ai.catalog.service import Pulls
from cluster_ai.catalog.upkeep import Upkeep
from cluster_ai.core.db import Database

FRESH_SECONDS: Final = 10.0


@dataclass(slots=True)
class Shelves:
    """The catalogue as its files say; they are read again when somebody asks and some time has passed."""

    users: Path | None
    _read: Catalogue | None = None
    _at: float = 0.0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def catalogue(self) -> Catalogue:
        async with self._reading:
            now = time.monotonic()
            if self._read is None or now - self._at > FRESH_SECONDS:
                self._read = await asyncio.to_thread(read_catalogue, self.users)
                self._at = now
            return self._read


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything that a surface may ask of the room."""

    pulls: Pulls
    upkeep: Upkeep
    residency: Residency
    shelves: Shelves
    given: Given


@asynccontextmanager
async def open_room(
    database: Database, given: Given, *, users: Path | None, tell: Tell, pace: Pace | None = None
) -> AsyncIterator[Opened]:
    """The room. ``users`` is the folder of people's own catalogue files; ``tell`` hears of every pull that changed."""
    upkeep = Upkeep(database, given, clock=time.monotonic)
    board = Board(database, now=given.now, tell=tell, agree=upkeep.agreement.pull)
    courier = Courier(board, given.nodes, clock=time.monotonic, pace=pace)
    async with courier.running():
        yield Opened(Pulls(board, courier, given), upkeep, Residency(), Shelves(users), given)
