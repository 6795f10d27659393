"""The plans room as the API has it: opened over the database, with the executors' checks, told on the bus."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster_ai.accounts.opening import VaultConfig
from cluster_ai.core import bus, db, events
from cluster_ai.core.consent import Consent, always
from cluster_ai.executors.catalogue import checked_by, hears_pipelines
from cluster_ai.executors.kinds import KINDS
from cluster_ai.executors.types import ExecutorSettings
from cluster_ai.notify.forms import OWN_ADDRESS
from cluster_ai.plans import config, given, opening, results, tokens

Opened = opening.Opened
FOLDER = "plans"


@dataclass(frozen=True, slots=True)
class WorkConfig:
    """``folder``: where large results lie; beside the keys of the vault when None."""

    folder: Path | None = None
    plans: config.PlansSettings = field(default_factory=config.PlansSettings)
    executors: ExecutorSettings = field(default_factory=ExecutorSettings)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the room is opened over."""

    database: db.Database
    bus: bus.Bus
    vault: VaultConfig
    consent: Consent = always
    refused: given.Refused = given.nowhere_refused


@asynccontextmanager
async def open_work(wanted: WorkConfig, ground: Ground) -> AsyncIterator[Opened]:
    """The room, with its upkeep, for as long as the block runs.

    Raises:
        Misconfigured: the file of the tickets' key holds something else.
    """
    vault = ground.vault
    keys = await asyncio.to_thread(tokens.TicketKeys.load, vault.secrets)

    def tell(event: events.Event) -> None:
        # It goes to other processes, too, and lies in Redis: where a ticket's receiver is stays in the database.
        said = {name: value for name, value in event.data.items() if name != OWN_ADDRESS}
        data = {"id": event.id, "type": event.type, "subject": event.subject, "at": event.at, "data": said}
        ground.bus.publish(event.topic, data)

    room = given.Given(
        database=ground.database,
        results=results.Results(wanted.folder or vault.secrets.parent / FOLDER),
        keys=keys,
        check=checked_by(wanted.executors),
        traits=trait_of,
        hears=hears_pipelines,
        refused=ground.refused,
        consent=ground.consent,
        tell=tell,
        now=opening.steady(vault.times.now),
        new_id=vault.times.new_id,
        lease_seconds=wanted.plans.lease_seconds,
    )
    async with opening.open_plans(room, keep_days=wanted.plans.keep_days) as opened:
        yield opened


def trait_of(kind: str) -> given.Trait:
    """What its executor says of a kind of work; the careful answer for one that is not known."""
    executor = KINDS.get(kind)
    if executor is None:
        return given.Trait()
    return given.Trait(executor.is_idempotent, executor.can_compensate)
