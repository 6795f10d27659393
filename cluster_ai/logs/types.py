"""Words of the log store. Pure; every surface above may import them."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import AnyHttpUrl, Field, SecretStr

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import Count, Name, Slice, View

Level = Literal["debug", "info", "warning", "error", "critical"]
RANKS: Final[dict[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
WARNING: Final = RANKS["warning"]
NAMES: Final[dict[int, Level]] = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}

LONGEST_QUERY: Final = 500
MOST_LINES: Final = 500
"""Of one page."""
MOST_MINUTES: Final = 7 * 24 * 60


class BadQuery(InvalidInput):
    """A search that cannot be read; the message says which word of it, the hint what to write instead."""

    code = "bad_log_query"


class LogsSettings(Slice):
    """Slice of the log store."""

    collect: bool = Field(default=True, description="Collect what the parts write, so that it can be searched.")
    keep_days: float = Field(default=14.0, gt=0, le=3650, description="Older lines are removed from the store.")
    keep_bytes: int = Field(
        default=256 * 1024**2,
        ge=1024**2,
        le=1024**4,
        description="Largest size of the store's file in bytes; beyond, the oldest lines are removed.",
    )
    loki_url: AnyHttpUrl | None = Field(
        default=None, description="Base address of a Loki that gets a copy of every line; nobody gets one when not set."
    )
    loki_tenant: Name | None = Field(default=None, description="Sent as X-Scope-OrgID, for a Loki with tenants.")
    loki_token: SecretStr | None = Field(default=None, description="Bearer token for it.")
    elasticsearch_url: AnyHttpUrl | None = Field(
        default=None, description="Base address of an Elasticsearch or OpenSearch that gets a copy of every line."
    )
    elasticsearch_index: str = Field(
        default="cluster-ai-logs",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$",
        description="Index or data stream that the lines are created in.",
    )
    elasticsearch_key: SecretStr | None = Field(default=None, description="API key for it (Authorization: ApiKey).")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line on its way into the store. ``at`` in microseconds since 1970; ``fields`` is a JSON object."""

    at: int
    level: int
    part: str
    node: str
    text: str
    fields: str


class LogLine(View):
    """A stored line. ``number`` grows in the order in which lines were collected."""

    number: Count
    at: float
    """Unix seconds."""
    level: Level
    part: str
    node: str
    """The node that the line tells of, else the machine that wrote it."""
    text: str
    fields: dict[str, Any]


class Kept(View):
    """What the store holds, and what it is missing."""

    lines: Count = 0
    bytes: Count = 0
    oldest: float | None = None
    """Unix seconds."""
    behind_bytes: Count = 0
    """Written by parts and not collected yet."""
    lost_bytes: Count = 0
    """Turned over before they could be collected."""


class LogPage(View):
    """Lines, the newest first. ``next`` is the ``before`` of the page behind, None on the last one."""

    items: tuple[LogLine, ...]
    next: Count | None = None
    kept: Kept = Kept()


class MinuteCount(View):
    """Lines of one step, by how bad they are. ``errors``: of the levels error and critical."""

    at: Count
    """Start of the step, Unix seconds."""
    lines: Count
    warnings: Count = 0
    errors: Count = 0


class LogCounts(View):
    """Lines per step; steps without any are left out."""

    first: Count
    """Start of the first step, Unix seconds."""
    step_seconds: Count
    steps: Count
    items: tuple[MinuteCount, ...]
