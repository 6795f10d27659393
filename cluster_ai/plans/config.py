"""The plans room's slice of the settings. Pure."""

from pydantic import Field

from cluster_ai.core.wire import Slice


class PlansSettings(Slice):
    """How long plans are kept, and how long a worker may be silent."""

    keep_days: float = Field(
        default=30.0, gt=0, le=3650, description="Plans that ended are dropped after this, with their results."
    )
    owner_in_flight: int = Field(
        default=0, ge=0, le=100_000, description="Tickets of one owner that are under way at a time; 0: no limit."
    )
    owner_seconds_a_day: float = Field(
        default=0.0, ge=0, le=1e9, description="Seconds of work of one owner within a day; 0: no limit."
    )
    lease_seconds: float = Field(
        default=30.0,
        ge=3.0,
        le=3600,
        description="A worker that says nothing for so long has lost its ticket; it speaks three times as often.",
    )
