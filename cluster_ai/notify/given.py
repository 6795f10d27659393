"""What the notify room is given."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.events import Event
from cluster_ai.core.i18n import Lang
from cluster_ai.notify.chance import Chance
from cluster_ai.notify.guard import Lookup
from cluster_ai.notify.types import NotifySettings, Outcome

DAY: Final = 86_400.0

PipelineCompleted = Callable[[AsyncConnection, Outcome], Awaitable[None]]
"""Keeps what is said of a ticket that waits for a pipeline elsewhere, in the unit of work that notes the message.

Raises:
    NotFound: there is none.
    Conflict: something else was said of it before.
"""

Turn = Callable[[], AbstractAsyncContextManager[bool]]
"""Whether it is this head's turn, inside the block, at work that one of all heads should do."""


@asynccontextmanager
async def alone() -> AsyncIterator[bool]:
    """The turn of a head that is the only one."""
    yield True


@dataclass(frozen=True, slots=True)
class Given:
    """``secrets``: the folder of keys; ``cluster`` and ``lang``: for sentences to people.

    ``tls``: None for the CAs of the system; ``poll_seconds``: the longest pause between two looks at what is due.
    """

    secrets: Path
    chance: Chance
    settings: NotifySettings = field(default_factory=NotifySettings)
    cluster: str = "home"
    lang: Lang = "en"
    poll_seconds: float = 1.0
    tls: ssl.SSLContext | None = None
    lookup: Lookup | None = None
    """None for this machine's resolver."""
    turn: Turn = alone

    @property
    def patience(self) -> float:
        """Seconds of nothing but failures after which an endpoint is disabled."""
        return self.settings.days_failing * DAY


@dataclass(frozen=True, slots=True)
class Around:
    """``tell``: events of our own, for who listens in this process.

    ``completed``: what a pipeline elsewhere says of a ticket.
    """

    tell: Callable[[Event], None]
    completed: PipelineCompleted
