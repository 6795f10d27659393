"""Words of the supervisor. Pure."""

from enum import StrEnum

from pydantic import Field

from cluster_ai.core.wire import Count, Slice, View


class PartState(StrEnum):
    """Life of one part (process) of the cluster."""

    WAITING = "waiting"
    """Its dependencies are not ready yet."""
    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"
    """Runs, but its probe fails."""
    BACKOFF = "backoff"
    """Died; started again after a pause."""
    FAILED = "failed"
    """Died too often (crash loop): left alone until somebody restarts it."""
    STOPPING = "stopping"
    STOPPED = "stopped"


class SupervisorSettings(Slice):
    """Slice of the supervisor. Times in seconds."""

    stop_seconds: float = Field(default=8.0, gt=0, le=60, description="Time to stop by itself before a part is killed.")
    crash_limit: int = Field(
        default=5, ge=1, le=100, description="Deaths inside the window that count as a crash loop."
    )
    crash_window_seconds: float = Field(default=60.0, gt=0, le=3600, description="Length of that window.")
    backoff_seconds: float = Field(default=0.25, gt=0, le=60, description="Pause before the first restart; doubles.")
    backoff_cap_seconds: float = Field(default=10.0, gt=0, le=600, description="Longest pause before a restart.")


class PartView(View):
    """One part, as ``cluster-ai status`` shows it."""

    name: str
    state: PartState
    pid: int | None = None
    port: int | None = None
    url: str = ""
    uptime_seconds: float = 0.0
    restarts: Count = 0
    last_exit: str = ""
    """How it last ended: ``exit 1``, ``SIGKILL``; empty when it never did."""
    error: str = ""
    log: str = ""
    """Path of its log file."""


class SupervisorView(View):
    """The whole cluster on this box."""

    pid: int
    version: str
    home: str
    started_at: float
    """Unix seconds."""
    ready: bool
    parts: tuple[PartView, ...] = ()
