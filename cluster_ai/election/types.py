"""Words of the election: its settings, and what is told of a term. Pure."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from cluster_ai.core.errors import Conflict
from cluster_ai.core.wire import Slice, View

CHANGED = "leader.changed"
"""The event."""


class ElectionMode(StrEnum):
    """``auto``: by the kind of the database."""

    AUTO = "auto"
    SOLO = "solo"
    POSTGRES = "postgres"
    RAFT = "raft"


class NotLeading(Conflict):
    """A write that only the leader may do came from a head that does not lead, or not any more; nothing was stored."""

    code = "not_leading"


class ElectionSettings(Slice):
    """Who leads when several heads share a PostgreSQL."""

    mode: ElectionMode = Field(
        default=ElectionMode.AUTO,
        description="`solo` on SQLite, `postgres` for heads that share a PostgreSQL; `auto` goes by the database.",
    )
    ttl_seconds: float = Field(
        default=10.0,
        ge=1.0,
        le=300.0,
        description="A leader that cannot renew its term for so long leads no more; then another may.",
    )
    renew_seconds: float = Field(
        default=3.0, ge=0.1, le=100.0, description="It renews so often; at most half of the term's time."
    )

    @model_validator(mode="after")
    def _renews_in_time(self) -> Self:
        if self.renew_seconds * 2 > self.ttl_seconds:
            raise ValueError("renew_seconds must be at most half of ttl_seconds")
        return self


class TermView(View):
    """``leads``: whether it is the head that answers. ``since``: Unix seconds by the database; None before any term.

    ``holder`` and ``head`` name heads: the machine, and what tells its data directory from others.
    """

    mode: ElectionMode
    leads: bool
    epoch: int
    holder: str
    since: float | None = None
    head: str
    refused: int = 0
    """Writes of this head that came after its term, since it started."""
