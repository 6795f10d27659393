"""The election as the API has it: over the database, with its claim in the data directory, told on the bus."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster_ai.accounts.opening import VaultConfig
from cluster_ai.core.bus import Bus
from cluster_ai.core.db import Database
from cluster_ai.core.events import Event
from cluster_ai.election.opening import Around, ElectionSettings, Term, open_term

__all__ = ["ElectionConfig", "Term", "open_election"]


@dataclass(frozen=True, slots=True)
class ElectionConfig:
    """``folder``: where this head's claim lies; beside the keys of the vault when None."""

    folder: Path | None = None
    settings: ElectionSettings = field(default_factory=ElectionSettings)


@asynccontextmanager
async def open_election(
    config: ElectionConfig, database: Database, bus: Bus, vault: VaultConfig
) -> AsyncIterator[Term]:
    """Stands for the term inside the block.

    Raises:
        Misconfigured: the mode does not fit the database.
    """

    def tell(event: Event) -> None:
        bus.publish(event.topic, event)

    folder = config.folder or vault.secrets.parent
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    around = Around(folder=folder, now=vault.times.now, new_id=vault.times.new_id, tell=tell)
    async with open_term(database, config.settings, around) as term:
        yield term
