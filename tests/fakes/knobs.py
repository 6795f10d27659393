"""Everything that can be set on one fake node, and what is counted there.

Times are in seconds, sizes in bytes. A fault applies to inference only; probes have knobs of their own, so that a
node can look healthy and fail every request, or the other way round.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Cut = Literal["fin", "rst", "stall"]
Listen = Literal["up", "refuse", "reset", "hang", "blackhole"]
Malformed = Literal["garbage", "half_utf8", "cut_line", "not_object"]
LengthLie = Literal["long", "short", "none"]


class Model(BaseModel):
    """A model as the node lists it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    size: int = 270_898_672
    family: str = "llama"
    parameter_size: str = "134.52M"
    quantization: str = "F16"
    capabilities: tuple[str, ...] = ("completion", "tools")
    context_length: int = 8192


MODELS = (
    Model(name="smollm2:135m"),
    Model(name="all-minilm:latest", size=45_960_996, family="bert", parameter_size="23M", capabilities=("embedding",)),
)


class Knobs(BaseModel):
    """What one node does. The defaults are an honest, fast node."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Where the connection ends. "hang": the kernel accepts, nothing is read. "blackhole": SYNs are dropped.
    listen: Listen = "up"
    frozen: bool = False  # as if stopped by SIGSTOP: reads and writes nothing until set back

    # What an honest node is like.
    version: str = "0.33.0"
    models: tuple[Model, ...] = MODELS
    rate: float = Field(default=0.0, ge=0)  # tokens per second; 0 = no pause
    ttft: float = Field(default=0.0, ge=0)
    load: float = Field(default=0.0, ge=0)
    pull: float = Field(default=0.0, ge=0)
    answer_tokens: int = Field(default=24, ge=0)  # natural length of every answer
    slots: int = Field(default=4, ge=1)
    queue: int = Field(default=512, ge=0)  # waiting requests beyond the slots; more are refused with 503
    max_loaded: int = Field(default=0, ge=0)  # models in memory; 0 = no limit
    take: float = Field(default=0.0, ge=0)  # bytes per second read of a blob that is sent here; 0 = no pause
    keep_alive: float = 300.0  # for requests that do not say; negative = for ever
    hears_cancel: bool = True  # False: keeps its slot to the natural end when the client left
    tool_calls: bool = False  # answers with one call of the first tool offered

    # How the answer leaves.
    batch: int = Field(default=1, ge=1)  # tokens in one write
    slice: int = Field(default=0, ge=0)  # bytes in one write; 0 = whole lines
    pad: int = Field(default=0, ge=0)  # bytes added to each record, to fill buffers
    close_after: bool = False  # Connection: close after each answer
    drop_reused: bool = False  # FIN without a byte on the second request of a connection
    idle_close: float = Field(default=0.0, ge=0)  # closes connections idle that long; 0 = never

    # Faults of inference, for a share of requests and at most so many of them.
    fault_share: float = Field(default=1.0, ge=0, le=1)
    fault_times: int | None = Field(default=None, ge=0)
    fault_delay: float = Field(default=0.0, ge=0)  # before die_before and status
    die_before: Cut | None = None  # without one byte of answer
    status: int | None = Field(default=None, ge=400, le=599)
    retry_after: int | None = None
    die_after: int | None = Field(default=None, ge=0)  # tokens; 0 = only the response head was sent
    die_how: Cut = "rst"
    error_after: int | None = Field(default=None, ge=0)  # tokens, then an error record in the dialect's shape
    malformed_at: int | None = Field(default=None, ge=0)  # tokens before the malformed record
    malformed: Malformed = "garbage"
    no_done: bool = False
    duplicate_done: bool = False
    duplicate_at: int | None = Field(default=None, ge=0)  # this token is sent twice
    wrong_model: str = ""  # the name that answers carry instead of the asked one
    length: LengthLie | None = None  # Content-Length of whole answers: too long, too short, absent
    missing: tuple[str, ...] = ()  # listed models whose inference answers 404

    # Faults of what changes models: pull, push, create, copy, delete, blobs.
    manage_status: int | None = Field(default=None, ge=400, le=599)
    manage_dies_at: int | None = Field(default=None, ge=0)  # records of progress, then a reset

    # Faults of probes: /, /api/tags, /api/ps, /api/version, /api/show, /v1/models.
    probe_delay: float = Field(default=0.0, ge=0)
    probe: Literal["ok", "hang", "fin", "rst", "garbage"] = "ok"
    probe_status: int | None = Field(default=None, ge=400, le=599)

    @field_validator("models", mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        """A bare name stands for a model of that name."""
        return [{"name": one} if isinstance(one, str) else one for one in given]

    def honest(self) -> "Knobs":
        """The same node without its faults of inference."""
        return self.model_copy(update={name: Knobs.model_fields[name].default for name in FAULTS})


FAULTS = (
    *("die_before", "status", "retry_after", "die_after", "error_after", "malformed_at", "no_done"),
    *("duplicate_done", "duplicate_at", "wrong_model", "length", "missing"),
)


class Request(BaseModel):
    """One request as the node saw it. ``at`` and ``ended`` are time.monotonic(), comparable on one machine."""

    number: int
    connection: int
    at: float
    method: str
    path: str
    headers: dict[str, str]
    body_sha256: str
    body: Any = None
    model: str = ""
    outcome: Literal["open", "done", "cancelled", "refused", "fault"] = "open"
    first_byte: float | None = None
    ended: float | None = None
    tokens: int = 0


class Counters(BaseModel):
    """What one node counted since it started or was reset."""

    connections: int = 0
    open_connections: int = 0
    requests: int = 0
    paths: dict[str, int] = {}
    started: int = 0  # inference requests taken (not refused as malformed or unknown)
    done: int = 0
    cancelled: int = 0  # the client left before the end
    refused: int = 0  # 4xx and 503 busy
    faults: int = 0  # ended by a knob, a cut or a kill
    in_flight: int = 0
    max_in_flight: int = 0
    queued: int = 0
    max_queued: int = 0
    loads: int = 0
    loads_aborted: int = 0
    evictions: int = 0
    tokens: int = 0
    bytes_out: int = 0
    loaded: tuple[str, ...] = ()
    log: tuple[Request, ...] = ()  # the last 1000, without probes
