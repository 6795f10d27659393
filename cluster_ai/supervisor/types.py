"""Words of the supervisor. Pure."""

from dataclasses import dataclass, field
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
    patience_seconds: float = Field(
        default=120.0, gt=0, le=3600, description="A part that answers no probe for this long is killed and restarted."
    )


@dataclass(frozen=True, slots=True)
class Probe:
    """A question whose answer shows that a part is ready, asked from this machine."""

    port: int
    path: str = ""
    """Asked for by GET and answered with 200; empty: it is enough that the port listens."""
    holds: str = ""
    """Text that must stand in the answer."""
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class PartSpec:
    """What a part is: how it is started, what it listens on, and when it is ready."""

    name: str
    argv: tuple[str, ...]
    ports: tuple[int, ...] = ()
    """All that it opens; the first is shown to people."""
    probes: tuple[Probe, ...] = ()
    """All must pass; a part without any is ready once it runs."""
    needs: tuple[str, ...] = ()
    """Parts that must be ready before this one starts."""
    floor: int = 0
    """Parts on higher floors use those on lower ones: they are stopped first."""
    url: str = ""
    env: dict[str, str] = field(default_factory=dict)
    listens: tuple[str, int] | None = None
    """Address that the supervisor listens on and hands down: connections wait there while the part has no process."""
    door: str = ""
    """Its processes answer probes at Unix sockets of their own, of this name: others may share the port."""
    drain_seconds: float = 0.0
    """A restart lets the new process take over before it ends the old one, which has so long; 0: first out, then in."""
    group: str = ""
    """The name for all that do the same work: restarted under it one after the other."""


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
    replacing: bool = False
    """A new process is about to take over from this one."""
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
