"""A term, in the way that fits the database, for as long as a block runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.core.clock import through_sleep
from cluster_ai.core.db import Database
from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.outbox import Tell
from cluster_ai.election import claim, deciding
from cluster_ai.election.term import Means, Term
from cluster_ai.election.types import ElectionMode, ElectionSettings

__all__ = ["Around", "ElectionSettings", "Term", "mode_for", "open_term"]
_FITTING: Final = {"sqlite": ElectionMode.SOLO, "postgresql": ElectionMode.POSTGRES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """``folder``: of this head alone, on a disk of its own; ``now``: Unix seconds; ``tell``: who listens here.

    ``clock`` never jumps, and is the only one that decides anything.
    """

    folder: Path
    now: Callable[[], float]
    new_id: Callable[[], str]
    tell: Tell
    clock: Callable[[], float] = through_sleep


def mode_for(wanted: ElectionMode, dialect: str) -> ElectionMode:
    """The way that fits a database of that kind.

    Raises:
        Misconfigured: another one was asked for.
    """
    fitting = _FITTING[dialect]
    if wanted in (ElectionMode.AUTO, fitting):
        return fitting
    if wanted is ElectionMode.RAFT:
        raise Misconfigured(
            "election.mode = 'raft' is not there yet", hint="several heads share a PostgreSQL: mode = 'auto'"
        )
    if wanted is ElectionMode.SOLO:
        raise Misconfigured(
            "election.mode = 'solo' is for SQLite: a lock on one machine's disk says nothing of another head on the"
            " same PostgreSQL",
            hint="mode = 'auto'",
        )
    raise Misconfigured(
        "election.mode = 'postgres' needs a PostgreSQL that the heads share", hint="set database_url, or mode = 'auto'"
    )


@asynccontextmanager
async def open_term(database: Database, settings: ElectionSettings, around: Around) -> AsyncIterator[Term]:
    """Stands for the term inside the block.

    Raises:
        Misconfigured: the mode does not fit the database.
    """
    mode = mode_for(settings.mode, database.dialect)
    ttl = settings.ttl_seconds if mode is ElectionMode.POSTGRES else deciding.FOREVER
    with ExitStack() as stack:
        held = await asyncio.to_thread(stack.enter_context, claim.opened(around.folder))
        means = Means(
            database=database,
            claim=held,
            mode=mode,
            pace=deciding.Pace(ttl, settings.renew_seconds),
            clock=around.clock,
            now=around.now,
            new_id=around.new_id,
            tell=around.tell,
        )
        term = Term(means)
        async with term.running():
            yield term
