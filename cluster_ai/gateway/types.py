"""Words of the gateway. Pure; every surface above may import them."""

from enum import StrEnum
from typing import Final

from pydantic import AnyHttpUrl, Field, field_validator

from cluster_ai.core.wire import Count, Name, Slice, View

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


class UpstreamSettings(Slice):
    """A node that serves the Ollama API, as written in the configuration."""

    name: Name = Field(description="Name shown to people; unique in the cluster.")
    url: AnyHttpUrl = Field(description="Base address of its Ollama API, without a path.")


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
    connect_seconds: float = Field(default=1.0, gt=0, le=60, description="Time limit to open a connection.")
    first_byte_seconds: float = Field(
        default=300.0, gt=0, le=3600, description="Time limit from the request to the node's first byte."
    )
    idle_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="Longest silence inside an answer before it counts as dead."
    )
    total_seconds: float = Field(default=1800.0, gt=0, le=86_400, description="Time limit of one whole request.")
    max_body_bytes: int = Field(
        default=64 * 1024 * 1024,
        gt=0,
        le=1024**3,
        description="Largest request body taken (images are large).",
    )
    breaker_failures: int = Field(default=3, ge=1, le=100, description="Failures in a row that open a breaker.")
    breaker_seconds: float = Field(default=5.0, gt=0, le=600, description="First pause of an open breaker; doubles.")

    @field_validator("upstreams")
    @classmethod
    def _one_name_each(cls, rows: tuple[UpstreamSettings, ...]) -> tuple[UpstreamSettings, ...]:
        names = [EMBEDDED_NAME, LOCAL_NAME, *(row.name for row in rows)]
        # Nodes are kept by name: the second of two would take the place of the first without a word.
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two nodes are called {', '.join(twice)}")
        return rows


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
    totals: Totals = Totals()
    upstreams: tuple[UpstreamView, ...] = ()
    decisions: tuple[DecisionView, ...] = ()
    """The last ones, newest last."""
