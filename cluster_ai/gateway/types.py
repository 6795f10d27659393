"""Words of the gateway. Pure; every surface above may import them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator

from cluster_ai.core.wire import INT64_MAX, Count, ModelName, Name, Slice, View
from cluster_ai.keys.types import AnonymousMode

EMBEDDED_NAME: Final = "embedded"
LOCAL_NAME: Final = "local-ollama"
"""An Ollama that runs on this machine already."""


class UpstreamState(StrEnum):
    """What is known of a node from probes and traffic."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    SUSPECT = "suspect"
    DOWN = "down"


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class UpstreamKind(StrEnum):
    """Who put the node there."""

    EMBEDDED = "embedded"
    OLLAMA = "ollama"
    MACHINE = "machine"
    """A machine that has joined: reached through its agent."""


class Strategy(StrEnum):
    """How the node for a call is chosen."""

    EXPECTED_TIME = "expected_time"
    LEAST_LOADED = "least_loaded"
    ROUND_ROBIN = "round_robin"
    PRIORITY = "priority"
    RANDOM_OF_TWO = "random_of_two"


class ToolsPolicy(StrEnum):
    """What becomes of tools offered to a model that has none."""

    DROP = "drop"
    STRICT = "strict"


class UpstreamSettings(Slice):
    """A node that serves the Ollama API, as written in the configuration."""

    name: Name = Field(description="Name shown to people; unique in the cluster.")
    url: AnyHttpUrl = Field(description="Base address of its Ollama API, without a path.")
    slots: int | None = Field(
        default=None, ge=1, le=1024, description="Answers of one model side by side; learned when not given."
    )
    priority: int = Field(default=0, ge=-100, le=100, description="For the strategy `priority`: higher goes first.")
    labels: tuple[Name, ...] = Field(default=(), description="Words by which a call may ask for the node.")
    drain: bool = Field(default=False, description="Give it no new calls; those it has end in peace.")
    models_bytes: int | None = Field(
        default=None,
        gt=0,
        le=INT64_MAX,
        description="Room for models there in bytes; new ones go where most is free.",
    )


class GatewaySettings(Slice):
    """Slice of the gateway."""

    upstreams: tuple[UpstreamSettings, ...] = Field(
        default=(), description="Ollama nodes besides those found by themselves."
    )
    find_local_ollama: bool = Field(
        default=True, description="Use an Ollama that already runs on this machine (port 11434)."
    )
    local_ollama_url: AnyHttpUrl = Field(
        default=AnyHttpUrl("http://127.0.0.1:11434"),
        description="Where to look for this machine's own Ollama.",
    )
    probe_seconds: float = Field(default=1.0, gt=0, le=60, description="Pause between health probes of a node.")
    strategy: Strategy = Field(
        default=Strategy.EXPECTED_TIME, description="How the node is chosen; the others exist for comparison."
    )
    aliases: dict[Name, tuple[ModelName, ...]] = Field(
        default_factory=dict, description="Names for models: the first of the list that a node serves answers."
    )
    tools: ToolsPolicy = Field(
        default=ToolsPolicy.DROP,
        description="Tools offered to a model that has none: `drop` them with a warning, or refuse (`strict`).",
    )
    connect_seconds: float = Field(default=1.0, gt=0, le=60, description="Time limit to open a connection.")
    first_byte_seconds: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Shortest time limit to the first byte of a model in memory; longer where the node needs longer.",
    )
    load_seconds: float = Field(default=300.0, gt=0, le=7200, description="Time limit to load a model.")
    idle_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="Longest silence inside an answer before it counts as dead."
    )
    resume: bool = Field(
        default=False, description="Streams of callers without a key go on from another node when theirs dies."
    )
    hedge: bool = Field(
        default=False,
        description="Short calls of callers without a key that take unusually long are given to a second node as well.",
    )
    retry_share: float = Field(
        default=0.1, ge=0, le=1, description="Share of calls that may be tried again on a node that is doubtful, too."
    )
    queue_seconds: float = Field(
        default=240.0,
        gt=0,
        le=3600,
        description="Longest wait for a free place at a node; less than the five minutes that many clients wait.",
    )
    wake_seconds: float = Field(
        default=120.0,
        ge=0,
        le=3600,
        description="Longest wait for a machine that sleeps and alone has the model; it is woken. 0: none is.",
    )
    queue_length: int = Field(
        default=256, ge=1, le=100_000, description="Calls that may wait for one model; more with many slots."
    )
    anonymous: AnonymousMode = Field(
        default="full",
        description="What callers on this machine may do without a key: `off`, `inference` or `full`. Callers from "
        "elsewhere always need a key.",
    )
    total_seconds: float = Field(default=1800.0, gt=0, le=86_400, description="Time limit of one whole request.")
    processes: int = Field(
        default=1, ge=1, le=16, description="Gateway processes on this machine; they share one port."
    )
    drain_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Time for open answers when a gateway process ends; then they are cut."
    )
    drain_notice_seconds: float = Field(
        default=0.0,
        ge=0,
        le=300,
        description="Time in which a gateway that will end still takes connections while /-/ready says 503.",
    )
    allow_pull: bool = Field(default=True, description="Let callers with the scope `models:write` fetch models.")
    registries: tuple[Name, ...] = Field(
        default=("registry.ollama.ai",),
        description="Hosts that a model's name may lead to; a name without a host leads to Ollama's library.",
    )
    check_blobs: bool = Field(
        default=True, description="Stop GGUF files whose header cannot be true before a node has the whole of them."
    )
    max_body_bytes: int = Field(
        default=64 * 1024 * 1024,
        gt=0,
        le=1024**3,
        description="Largest request body taken (images are large).",
    )
    access_log: bool = Field(default=True, description="One line in the log for each call; never a prompt.")
    request_log: Literal["off", "metadata", "bodies"] = Field(
        default="metadata",
        description="What is kept of each call in the database: nothing (`off`), or `metadata` (no prompt, no answer).",
    )
    request_log_days: float = Field(default=30.0, gt=0, le=3650, description="Rows of that log live so long ...")
    request_log_rows: int = Field(
        default=200_000, ge=100, le=100_000_000, description="... and at most so many of them are kept."
    )
    breaker_failures: int = Field(default=3, ge=1, le=100, description="Failures in a row that open a breaker.")
    breaker_seconds: float = Field(default=5.0, gt=0, le=600, description="First pause of an open breaker; doubles.")
    open_webui_secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="The FORWARD_USER_INFO_HEADER_JWT_SECRET of your Open WebUI: its users take turns.",
    )
    trust_user_headers: bool = Field(
        default=False,
        description="Believe X-OpenWebUI-User-Id from every caller; only where nobody but Open WebUI can call.",
    )

    @field_validator("request_log")
    @classmethod
    def _keeps_no_bodies(cls, kept: str) -> str:
        if kept == "bodies":
            raise ValueError('this gateway never keeps what people write; choose "metadata" or "off"')
        return kept

    @field_validator("aliases")
    @classmethod
    def _lead_somewhere(cls, aliases: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if lost := [alias for alias, models in aliases.items() if set(models) == {alias}]:
            raise ValueError(f"{', '.join(lost)} leads to itself alone; name the model that it stands for")
        return aliases

    @field_validator("upstreams")
    @classmethod
    def _one_name_each(cls, rows: tuple[UpstreamSettings, ...]) -> tuple[UpstreamSettings, ...]:
        names = [EMBEDDED_NAME, LOCAL_NAME, *(row.name for row in rows)]
        # Nodes are kept by name: the second of two would take the place of the first without a word.
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two nodes are called {', '.join(twice)}")
        return rows


@dataclass(frozen=True, slots=True)
class Watched:
    """How calls are observed. ``database_url`` is empty where there is no request log; ``env`` has ``OTEL_*``."""

    settings: GatewaySettings
    database_url: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


class ModelView(View):
    """A model as one node has it. Sizes in bytes."""

    name: str
    digest: str = ""
    size: Count = 0
    family: str = ""
    parameter_size: str = ""
    quantization: str = ""
    capabilities: tuple[str, ...] = ()
    loaded: bool = False
    context_length: Count = 0
    """Of the copy in memory, in tokens; 0 when the node does not say."""
    slots: Count = 0
    """Answers that it writes side by side; 0 when the node does not say."""


class UpstreamView(View):
    """A node and what the gateway measured of it. Times in seconds."""

    name: str
    url: str
    kind: UpstreamKind
    state: UpstreamState
    breaker: BreakerState
    version: str = ""
    inflight: Count = 0
    served: Count = 0
    failed: Count = 0
    ttft_seconds: float | None = None
    """Smoothed time to the first byte; None before the first answer."""
    tokens_per_second: float | None = None
    last_seen_seconds: float | None = None
    """Age of the last good probe; None when there was none."""
    last_error: str = ""
    draining: bool = False
    models: tuple[ModelView, ...] = ()


class Totals(View):
    """Counters since the gateway started; they only grow."""

    requests: Count = 0
    errors: Count = 0
    cancelled: Count = 0
    prompt_tokens: Count = 0
    output_tokens: Count = 0


class CandidateView(View):
    """A node that could have answered, with its score by part; smaller is better, from the left."""

    name: str
    why: str
    score: dict[str, float]


class DecisionView(View):
    """Where one call went and why."""

    request_id: str = ""
    age_seconds: float
    model: str
    node: str = ""
    """Empty when none answered, or not yet."""
    candidates: tuple[CandidateView, ...]
    tried: dict[str, str]
    """Nodes that gave no answer, with the reason."""


class GatewayView(View):
    """What ``GET /-/state`` answers to our own processes."""

    started_at: float
    """Unix seconds; a change means the counters began again at zero."""
    inflight: Count = 0
    waiting: dict[str, Count] = Field(default_factory=dict)
    """Calls that wait for a place, by model."""
    totals: Totals = Totals()
    upstreams: tuple[UpstreamView, ...] = ()
    decisions: tuple[DecisionView, ...] = ()
    """The last ones, newest last."""
