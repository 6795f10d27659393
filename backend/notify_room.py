"""The notify room as the API has it: its keys beside the others, its own events on the bus."""

import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster_ai.accounts.service import Times
from cluster_ai.core.bus import Bus
from cluster_ai.core.db import Database
from cluster_ai.core.events import Event
from cluster_ai.core.i18n import Lang
from cluster_ai.notify.opening import Around, Chance, Given, Notify, PipelineCompleted, Turn, alone, open_room
from cluster_ai.notify.types import NotifySettings

__all__ = ["Beside", "Notify", "NotifyConfig", "Turn", "alone", "open_notify"]


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """Plain values; ``lang`` is that of sentences for people."""

    settings: NotifySettings = field(default_factory=NotifySettings)
    lang: Lang = "en"
    poll_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands around the room. ``secrets``: the folder of keys; ``cluster``: its name, for people.

    ``completed``: keeps what pipelines elsewhere say; ``turn``: whether it is this head's turn at work that one of all
    should do.
    """

    database: Database
    bus: Bus
    times: Times
    secrets: Path
    cluster: str
    completed: PipelineCompleted
    turn: Turn = alone


@asynccontextmanager
async def open_notify(config: NotifyConfig, beside: Beside) -> AsyncIterator[Notify]:
    """The room with its loops.

    Raises:
        Misconfigured: a key or the allow-list holds something else.
    """
    chance = Chance(beside.times.now, beside.times.new_id, secrets.token_bytes, random.SystemRandom().random)
    given = Given(
        beside.secrets,
        chance,
        config.settings,
        cluster=beside.cluster,
        lang=config.lang,
        poll_seconds=config.poll_seconds,
        turn=beside.turn,
    )

    def tell(event: Event) -> None:
        beside.bus.publish(event.topic, event)

    around = Around(tell, beside.completed)
    async with open_room(beside.database, given, around) as room:
        yield room
