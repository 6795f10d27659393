"""The whole configuration as one frozen tree: ``config.toml`` in the data directory, then ``CLUSTER_AI_*``.

``CLUSTER_AI_GATEWAY__PROBE_SECONDS=2`` sets ``[gateway] probe_seconds``. Unknown keys of the file are refused.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict, SettingsError

from cluster_ai.compute.types import ComputeSettings
from cluster_ai.core import mistakes
from cluster_ai.core.addresses import near, origin, shown
from cluster_ai.core.asgi.proxies import networks
from cluster_ai.core.environment import EnvironmentFirst
from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.paths import Home, default_home
from cluster_ai.election.types import ElectionSettings
from cluster_ai.engines.types import NodeSettings
from cluster_ai.executors.types import ExecutorSettings
from cluster_ai.gateway.types import GatewaySettings
from cluster_ai.logs.types import LogsSettings
from cluster_ai.nodes.types import AgentSettings, MachinesSettings, PowerSettings
from cluster_ai.notify.types import NotifySettings
from cluster_ai.ops.types import BackupSettings
from cluster_ai.ops.updates.types import UpdateSettings
from cluster_ai.pki.types import HeadFiles
from cluster_ai.plans.config import PlansSettings
from cluster_ai.slo.types import SloSettings
from cluster_ai.supervisor.types import SupervisorSettings

MAX_WORKERS = 16


class Ports(BaseModel):
    """TCP ports of the parts. A ``port_base`` N moves them to N, N+1, ... so that two clusters fit on one box."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: int = Field(default=8000, ge=1, le=65_535, description="API and dashboard.")
    gateway: int = Field(default=11_435, ge=1, le=65_535, description="The one endpoint for every model client.")
    node: int = Field(default=11_436, ge=1, le=65_535, description="The embedded node's Ollama API.")
    scheduler: int = Field(default=8786, ge=1, le=65_535, description="Dask scheduler.")
    dask_dashboard: int = Field(default=8787, ge=1, le=65_535, description="Dask's own dashboard.")
    workers: int = Field(
        default=8790,
        ge=1,
        le=65_503,
        description="First worker; each takes two (worker, nanny): up to 32 ports.",
    )
    machines: int = Field(
        default=8443, ge=1, le=65_535, description="Where machines join and report, under TLS; only with a LAN address."
    )
    grpc: int = Field(default=8444, ge=1, le=65_535, description="The registry for gRPC clients.")
    agent: int = Field(
        default=11_437, ge=1, le=65_535, description="A machine's own door, under TLS, by which its head reaches it."
    )

    @classmethod
    def at(cls, base: int) -> Self:
        """Consecutive ports from ``base``."""
        return cls(
            backend=base,
            gateway=base + 1,
            node=base + 2,
            scheduler=base + 3,
            dask_dashboard=base + 4,
            machines=base + 5,
            grpc=base + 6,
            agent=base + 7,
            workers=base + 8,
        )

    @model_validator(mode="after")
    def _is_each_its_own(self) -> Self:
        named = {name: value for name, value in self if name != "workers"}
        for name, port in named.items():
            if list(named.values()).count(port) > 1 or self.workers <= port < self.workers + 2 * MAX_WORKERS:
                raise ValueError(f"port {port} of {name} is another part's, too")
        return self

    def worker(self, index: int) -> int:
        return self.workers + 2 * index

    def nanny(self, index: int) -> int:
        return self.workers + 2 * index + 1


class BackendSettings(BaseModel):
    """Slice of the management API."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_body_bytes: int = Field(default=1024 * 1024, gt=0, le=1024**3, description="Largest API request body.")
    session_hours: float = Field(default=12.0, gt=0, le=720, description="A sign-in ends after this.")
    session_idle_minutes: float = Field(default=30.0, gt=0, le=1440, description="... or after this much idling.")
    token_minutes: float = Field(default=15.0, gt=0, le=1440, description="Life of an access token (JWT).")
    tick_seconds: float = Field(default=1.0, gt=0, le=60, description="Pause between two live snapshots.")
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        max_length=32,
        description="Addresses and networks of proxies before the API whose X-Forwarded-For and X-Forwarded-Proto are "
        "believed; sign-ins, the audit and sessions then know the real caller.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        networks(given)
        return given


class Settings(EnvironmentFirst):
    """Every setting. Rooms get their slice, never the tree."""

    model_config = SettingsConfigDict(extra="forbid")

    home: Path = Field(description="The data directory.")
    name: str = Field(default="home", min_length=1, max_length=64, description="Name of the cluster, shown to people.")
    lang: Literal["en", "pt-BR"] | None = Field(default=None, description="Language; the locale's when not set.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    bind: str = Field(
        default="127.0.0.1",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$|^[0-9a-fA-F:]+$",
        description="Address the API and the gateway listen on; loopback until a password is set.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Further names by which this box is addressed (Host header), beside loopback's.",
    )
    port_base: int | None = Field(default=None, ge=1024, le=65_000, description="Moves every port to N, N+1, ...")
    ports: Ports = Field(default_factory=Ports, description="Ports one by one.")
    database_url: str | None = Field(
        default=None,
        pattern=r"^(sqlite:///|postgres(ql)?://).+",
        description="postgresql://... at scale; a SQLite file in the data directory when not set.",
    )
    redis_url: str | None = Field(
        default=None,
        pattern=r"^(rediss?|unix)://.+",
        description="redis://... or rediss://... (TLS), where several gateways count the limits of keys together and "
        "processes tell each other events; each its own when not set.",
    )
    backend: BackendSettings = Field(default_factory=BackendSettings)
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    node: NodeSettings = Field(default_factory=NodeSettings)
    compute: ComputeSettings = Field(default_factory=ComputeSettings)
    supervisor: SupervisorSettings = Field(default_factory=SupervisorSettings)
    machines: MachinesSettings = Field(default_factory=MachinesSettings)
    agent: AgentSettings = Field(default_factory=AgentSettings)
    power: PowerSettings = Field(default_factory=PowerSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    executors: ExecutorSettings = Field(default_factory=ExecutorSettings)
    plans: PlansSettings = Field(default_factory=PlansSettings)
    slo: SloSettings = Field(default_factory=SloSettings)
    election: ElectionSettings = Field(default_factory=ElectionSettings)
    logs: LogsSettings = Field(default_factory=LogsSettings)
    backup: BackupSettings = Field(default_factory=BackupSettings)
    update: UpdateSettings = Field(default_factory=UpdateSettings)

    @property
    def paths(self) -> Home:
        return Home(self.home)

    @property
    def effective_ports(self) -> Ports:
        return self.ports if self.port_base is None else Ports.at(self.port_base)

    @property
    def effective_database_url(self) -> str:
        """Where the database is: the one named, else a file in the data directory."""
        return self.database_url or f"sqlite:///{self.paths.database}"

    @property
    def near(self) -> str:
        """The host by which this machine's own programs reach the API and the gateway."""
        return near(self.bind)

    def shown_at(self, port: int) -> str:
        """The address of either, as it is shown to people on this machine."""
        return origin(shown(self.bind), port)

    @property
    def backend_url(self) -> str:
        """Where this machine's own programs reach the API."""
        return origin(self.near, self.effective_ports.backend)

    @property
    def gateway_url(self) -> str:
        """... and the gateway."""
        return origin(self.near, self.effective_ports.gateway)


def load(env: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    Args:
        env: names the data directory (``CLUSTER_AI_HOME``); every other variable is the process's own.

    Raises:
        Misconfigured: the file cannot be read or a value in it (or in the environment) is wrong.
    """
    home = Home(default_home(os.environ if env is None else env))
    return checked(written(home.config), home)


def checked(values: dict[str, Any], home: Home) -> Settings:
    """The settings, were ``values`` what stands in the file; the environment wins over them.

    Raises:
        Misconfigured: one of them (or in the environment) is wrong.
    """
    values = values | {"home": home.root}
    if member := joined(home.membership):
        # What people wrote themselves wins.
        values["agent"] = member | values.get("agent", {})
    try:
        return Settings(**values)
    except SettingsError as exc:
        hint = "lists and tables are written as JSON"
        raise Misconfigured(f"a CLUSTER_AI_* variable is wrong: {exc}", hint=hint) from exc
    except ValidationError as exc:
        wrong = mistakes.sentence(exc.errors(), values, Settings)
        raise Misconfigured(
            f"a setting is wrong: {wrong}", hint=f"mend {home.config} or the CLUSTER_AI_* variable"
        ) from exc


def joined(path: Path) -> dict[str, Any]:
    """What joining a cluster wrote for ``[agent]``; nothing where this machine joined none.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise Misconfigured(f"{path} cannot be read: {exc}", hint="let this machine join again") from exc
    if not isinstance(found, dict):
        raise Misconfigured(f"{path} holds something else", hint="let this machine join again")
    return found


def head_files(settings: Settings) -> HeadFiles:
    """Where this head has its authority and certificate, and the names that stand in it."""
    machines = settings.machines
    names = tuple(
        dict.fromkeys(("localhost", "127.0.0.1", *([machines.bind] if machines.bind else ()), *machines.names))
    )
    home = settings.paths
    return HeadFiles(home.authority, home.tls, settings.name, names=names, days=machines.certificate_days)


def written(config: Path) -> dict[str, Any]:
    """What stands in the file, unchecked; nothing where there is none.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        if config.exists() and not config.is_file():
            raise Misconfigured(f"{config} is not a file", hint="move it away, or put the settings into it")
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as exc:
        place, what, hint = mistakes.of_syntax(str(exc))
        raise Misconfigured(f"{config}{', ' if place else ''}{place}: {what}", hint=hint) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"{config} cannot be read: {exc}") from exc
    except RecursionError as exc:
        raise Misconfigured(f"{config} nests too deep") from exc
