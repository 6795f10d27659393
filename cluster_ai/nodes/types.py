"""Words of the nodes room: machines, how they join, what they tell and what is wanted of them. Pure.

Times that cross the network are Unix seconds and for people; nothing is decided by another machine's clock.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AnyHttpUrl, Field, StringConstraints, field_validator

from cluster_ai.core.wire import Count, Slice, StrictModel, Text, View
from cluster_ai.nodes.inventory import Bytes, Gauges, Inventory

MOST_INSTANCES: Final = 64
MOST_MODELS: Final = 2048
LABEL: Final = r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"

NodeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""As a host is called: letters, digits and hyphens."""
NodeId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
LineId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""What stands before the dot of a join line's token: not secret, and what the line is called afterwards."""
Label = Annotated[str, StringConstraints(pattern=LABEL)]
_LABEL_OF_HOST: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = rf"^{_LABEL_OF_HOST}(\.{_LABEL_OF_HOST})*\.?$|^[0-9a-fA-F:]{{2,45}}$"
Address = Annotated[str, StringConstraints(max_length=253, pattern=_HOST)]
"""A host name, or an IP address without brackets."""
Pem = Annotated[str, StringConstraints(max_length=16_384, pattern=r"^-----BEGIN [A-Z0-9 ]+-----")]


class MachinesSettings(Slice):
    """Slice of the head: the door at which other machines join and report."""

    bind: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$|^[0-9a-fA-F:]+$",
        description="Address in the LAN at which machines reach this head, and Dask listens under TLS; "
        "not set: this box stays alone.",
    )
    names: tuple[str, ...] = Field(
        default=(), description="Further names and addresses of this head, for its certificate and join lines."
    )
    heartbeat_seconds: float = Field(default=1.0, gt=0, le=60, description="Pause between two reports of a machine.")
    suspect_seconds: float = Field(default=3.0, gt=0, le=600, description="Silence after which a machine is doubted.")
    dead_seconds: float = Field(default=5.0, gt=0, le=3600, description="... and after which it counts as away.")
    token_minutes: float = Field(default=15.0, gt=0, le=10_080, description="Life of a join line.")
    certificate_days: float = Field(default=90.0, gt=0, le=825, description="Life of a machine's certificate.")
    announce: bool = Field(default=True, description="Tell the LAN by mDNS that there is a cluster here.")

    @field_validator("bind")
    @classmethod
    def _names_one_address(cls, bind: str | None) -> str | None:
        if bind in {"0.0.0.0", "::"}:  # noqa: S104 - refused here
            raise ValueError("name the one address that machines of the LAN reach, not all of them")
        return bind


class PowerSettings(Slice):
    """Slice of the head: what energy costs."""

    price_per_kwh: float | None = Field(
        default=None, ge=0, le=100_000, description="Price of a kilowatt-hour; without one no costs are told."
    )
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$", description="Its currency: three letters of ISO 4217.")


class AgentSettings(Slice):
    """Slice of a machine that has joined; written when it joins. Empty ``head``: this box is a head itself."""

    head: tuple[AnyHttpUrl, ...] = Field(default=(), description="Where the head is reached, the best address first.")
    node_id: str = Field(default="", description="Of this machine, given by the head.")
    name: str = Field(default="", description="Of this machine in the cluster.")
    bind: str = Field(default="", description="Address of this machine at which the cluster reaches it.")
    scheduler: str = Field(default="", description="Dask scheduler of the head: tls://host:port.")
    ollama_url: AnyHttpUrl = Field(
        default=AnyHttpUrl("http://127.0.0.1:11434"), description="This machine's own Ollama, if it has one."
    )
    engine: Literal["auto", "ollama", "embedded", "none"] = Field(
        default="auto", description="What serves models here: an Ollama that runs already, else the embedded node."
    )
    allow_exec: bool = Field(
        default=False, description="Let the head run commands on this machine, with all that this user may do."
    )

    @property
    def has_joined(self) -> bool:
        return bool(self.head)


class InstanceKind(StrEnum):
    """What an instance of the registry is."""

    MACHINE = "machine"
    ENGINE = "engine"
    """Speaks Ollama's API."""
    WORKER = "worker"
    """Of Dask."""
    SERVICE = "service"
    """Anything else that somebody registers."""


class LocalModel(StrictModel):
    """A model as the machine's engine has it."""

    name: Annotated[Text, Field(max_length=256)]
    digest: Annotated[Text, Field(max_length=128)] = ""
    size: Count = 0
    loaded: bool = False
    memory: Count = 0
    """Taken while it is loaded, GPU and machine together."""
    gpu_memory: Count = 0


class LocalService(StrictModel):
    """Something that serves on this machine, as the agent found it."""

    kind: Literal["ollama", "embedded", "dask-worker", "service"]
    name: Annotated[Text, Field(max_length=128)]
    port: int = Field(ge=1, le=65_535)
    version: Annotated[Text, Field(max_length=64)] = ""
    healthy: bool = True
    why: Annotated[Text, Field(max_length=256)] = ""


class WorkerShare(StrictModel):
    """What Dask's workers of a machine get when they are started. Bytes."""

    workers: Count = 0
    threads: Count = 0
    """Of each worker."""
    memory: Bytes = 0
    """Limit of each worker."""
    why_none: Annotated[Text, Field(max_length=32)] = ""
    """``memory``: too little is left beside the models; ``settings``: none are wanted here. Empty: there are some."""


class JoinRequest(StrictModel):
    """``POST /join``, with the secret of the join line as bearer token."""

    name: NodeName
    request: Pem
    """Certificate signing request; its key never leaves the machine."""
    inventory: Inventory
    addresses: Annotated[tuple[Address, ...], Field(min_length=1, max_length=32)]
    """At which the machine's own door listens, the best first."""
    port: int = Field(ge=1, le=65_535)
    labels: Annotated[tuple[Label, ...], Field(max_length=64)] = ()
    sent_at: float = Field(ge=0)


class JoinReply(View):
    """All that a machine needs to be one of the cluster."""

    node_id: str
    name: str
    cluster: str
    certificate: str
    authority: str
    """The CA's certificate, PEM."""
    revoked: str
    """The list of revoked certificates, PEM."""
    heads: tuple[str, ...]
    scheduler: str
    heartbeat_seconds: float
    skew_seconds: float
    """How far the machine's clock is ahead of the head's."""


class RenewRequest(StrictModel):
    """``POST /renew``, under the certificate that is to be replaced."""

    request: Pem


class RenewReply(View):
    """The new certificate, PEM."""

    certificate: str


class Done(StrictModel):
    """How an order ended. ``error`` is empty when it went well."""

    order: Annotated[Text, Field(max_length=64)]
    error: Annotated[Text, Field(max_length=512)] = ""


class Heartbeat(StrictModel):
    """``POST /heartbeat``, under the machine's certificate."""

    node_id: NodeId
    number: int = Field(ge=0)
    """Grows by one; a smaller one than before came late or is a copy."""
    boot_id: Annotated[Text, Field(max_length=64)] = ""
    sent_at: float = Field(ge=0)
    addresses: Annotated[tuple[Address, ...], Field(max_length=32)] = ()
    port: int = Field(ge=1, le=65_535)
    inventory: Inventory | None = None
    """Only when it changed, and in the first of a life."""
    gauges: Gauges = Gauges()
    services: Annotated[tuple[LocalService, ...], Field(max_length=MOST_INSTANCES)] = ()
    models: Annotated[tuple[LocalModel, ...], Field(max_length=MOST_MODELS)] = ()
    share: WorkerShare | None = None
    """None of a version that did not tell."""
    done: Annotated[tuple[Done, ...], Field(max_length=64)] = ()
    revoked_number: Count = 0
    """Of the list of revoked certificates that the machine has."""


class Order(View):
    """Something to do once. Told again with every reply until the machine says how it ended."""

    id: str
    verb: str
    """reboot, upgrade, leave or restart; a machine answers others with an error."""
    argument: str = ""


class Wanted(View):
    """What the head wants of a machine; all of it, each time."""

    cordon: bool = False
    """No new work; what runs may end, and what serves stays ready."""
    drain: bool = False
    """The same, and its Dask workers hand over what they hold and end."""
    labels: tuple[str, ...] = ()
    version: str = ""
    """Of this program; empty: whatever it has."""
    orders: tuple[Order, ...] = ()


class HeartbeatReply(View):
    """The head's answer."""

    wanted: Wanted = Wanted()
    heartbeat_seconds: float = 1.0
    skew_seconds: float = 0.0
    reachable: bool | None = None
    """Whether the head could open the machine's own door; None before it tried."""
    unreachable_because: str = ""
    revoked: str = ""
    """A newer list of revoked certificates than the one that the machine named; else empty."""
    send_inventory: bool = False
    """The head does not know it (any more)."""
