"""What the API is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path

from backend import (
    backups_room,
    dask_pages,
    doctor_room,
    logs_room,
    notify_room,
    plans_room,
    settings_room,
    traced,
    updates_room,
)
from backend.job_desk import Jobs
from backend.machines.config import MembersConfig
from backend.room_configs import CatalogConfig, ElectionConfig, SloConfig
from backend.snapshot import About
from backend.sources import Compute, ReadHost, Supervisor
from cluster_ai.accounts.opening import VaultConfig
from cluster_ai.registry.detector import DEFAULT, Rule


@dataclass(frozen=True, slots=True)
class PlaneConfig:
    """Plain values; whoever makes it knows the settings."""

    about: About
    vault: VaultConfig
    members: MembersConfig
    gateway_url: str
    internal_token: str
    tick_seconds: float
    host: ReadHost
    run: Path
    """Where the gateway's processes have their doors."""
    rule: Rule = DEFAULT
    """When an instance of the registry counts as away."""
    catalog: CatalogConfig = field(default_factory=CatalogConfig)
    work: plans_room.WorkConfig = field(default_factory=plans_room.WorkConfig)
    slo: SloConfig = field(default_factory=SloConfig)
    notify: notify_room.NotifyConfig = field(default_factory=notify_room.NotifyConfig)
    election: ElectionConfig = field(default_factory=ElectionConfig)
    redis_url: str | None = None
    """Where events meet those of other processes; None: nowhere."""
    logs: logs_room.LogsConfig | None = None
    backups: backups_room.BackupsConfig | None = None
    updates: updates_room.UpdatesConfig | None = None

    @property
    def upkeep(self) -> updates_room.Upkeep:
        """What this head looks after by itself."""
        return updates_room.Upkeep(self.backups, self.updates)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The parts that the API talks to in their own language."""

    supervisor: Supervisor
    compute: Compute
    dask: dask_pages.DaskPages | None = None
    jobs: Jobs | None = None
    tracing: traced.Tracing = traced.OFF
    doctor: doctor_room.Doctor | None = None
    told: settings_room.Told | None = None
