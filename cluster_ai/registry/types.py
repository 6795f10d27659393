"""Words of the registry: what registers, how it is found, and what watchers are told. Pure.

``registered_at`` and ``seen_at`` are Unix seconds, for people; what lives and what is silent is decided by monotonic
seconds of the one process that holds the registry.
"""

import re
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StringConstraints, field_serializer

from cluster_ai.core.errors import Conflict, Forbidden, NotFound, Unavailable
from cluster_ai.core.wire import Count, Name, StrictModel, Text, View

MOST_INSTANCES: Final = 20_000
MOST_WORDS: Final = 256
MOST_LABELS: Final = 64
MOST_METADATA: Final = 32
LARGEST_METADATA: Final = 8 * 1024
"""Characters of all names and values together."""
LEAST_LEASE: Final = 1.0
LONGEST_LEASE: Final = 3600.0
MOST_RANKED: Final = 1000

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
"""``machine``, ``engine``, ``worker``, ``service``, or a word of the user's own."""
_WORD: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/@+=-]*$"
LONGEST_WORD: Final = 128
Word = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_WORD, pattern=_WORD)]
"""A capability (``chat``, ``model:llama3.2:3b``) or a label (``rack=2``)."""
Lease = Annotated[float, Field(ge=LEAST_LEASE, le=LONGEST_LEASE)]
Share = Annotated[float, Field(ge=0, le=1)]
Short = Annotated[Text, Field(max_length=256)]
Url = Annotated[Text, Field(max_length=512, pattern=r"^([a-z][a-z0-9+.-]*://[^\s]+)?$")]
Port = Annotated[int, Field(ge=0, le=65_535)]


def is_word(text: str) -> bool:
    """Whether it may be a capability or a label."""
    return len(text) <= LONGEST_WORD and re.fullmatch(_WORD, text) is not None


def _fits(metadata: dict[str, str]) -> dict[str, str]:
    if sum(len(name) + len(value) for name, value in metadata.items()) > LARGEST_METADATA:
        raise ValueError(f"metadata has more than {LARGEST_METADATA} characters")
    return metadata


Words = Annotated[frozenset[Word], Field(strict=False, max_length=MOST_WORDS)]
Labels = Annotated[frozenset[Word], Field(strict=False, max_length=MOST_LABELS)]
Metadata = Annotated[
    dict[Annotated[Text, Field(min_length=1, max_length=64)], Annotated[Text, Field(max_length=1024)]],
    Field(max_length=MOST_METADATA),
    AfterValidator(_fits),
]


class UnknownInstance(NotFound):
    """No instance has that id: it never registered, was removed, or the registry began afresh. Register again."""

    code = "unknown_instance"


class NotYours(Forbidden):
    """Only who registered an instance, or an administrator, may renew or end it."""

    code = "not_your_instance"


class RegistryFull(Unavailable):
    """The registry holds as many instances as it may."""

    code = "registry_full"


class TooManyWatchers(Unavailable):
    """The registry has as many watchers as it may."""

    code = "too_many_watchers"


class IdTaken(Conflict):
    """Another instance of that id is registered by somebody else."""

    code = "instance_id_taken"


class State(StrEnum):
    """How alive an instance is. After ``unreachable`` it is removed."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """Its beats are late, it says so itself, or calls to it fail."""
    UNREACHABLE = "unreachable"
    """Its lease ran out."""


class Workload(StrEnum):
    """What an instance is looked for, which says which of its figures count."""

    INFERENCE = "inference"
    TRAINING = "training"
    MEMORY = "memory"
    """Data that is to be held."""
    AGENTS = "agents"
    """Many short calls, each of which waits for the one before."""


class What(StrEnum):
    """What a watcher is told."""

    RESET = "reset"
    """Forget what you know: all that is registered follows."""
    READY = "ready"
    """That was all; what follows are changes."""
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class Telemetry(StrictModel):
    """How an instance does, by its own account. None: it does not say."""

    load: Share | None = None
    """1 is full."""
    success: Share | None = None
    """Of its latest calls."""
    p95_seconds: Annotated[float, Field(ge=0, le=1e6)] | None = None
    """Its latency."""
    vram: Share | None = None
    """Of its GPUs' memory, in use."""
    memory: Share | None = None
    """Of its main memory, in use."""


class Registration(StrictModel):
    """``register``. An instance that comes again under its id replaces what was known of it."""

    id: Name | None = None
    """Drawn by the registry when not given."""
    kind: Kind = "service"
    name: Name
    node_id: Short = ""
    url: Url = ""
    address: Short = ""
    port: Port = 0
    version: Short = ""
    capabilities: Words = frozenset()
    labels: Labels = frozenset()
    metadata: Metadata = Field(default_factory=dict)
    lease_seconds: Lease | None = None
    """The registry's own when not given. Beat three times as often."""
    telemetry: Telemetry = Telemetry()


class Renewal(StrictModel):
    """``renew``: a sign of life. What is None stays as it was."""

    telemetry: Telemetry | None = None
    well: bool = True
    """False: it lives, and asks not to be chosen."""
    version: Short | None = None
    capabilities: Words | None = None
    labels: Labels | None = None
    metadata: Metadata | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What it says anew about the instance."""
        named = (
            ("version", self.version),
            ("capabilities", self.capabilities),
            ("labels", self.labels),
            ("metadata", self.metadata),
        )
        return {name: value for name, value in named if value is not None}


class Mark(StrictModel):
    """How a call to an instance went, told by who made it."""

    ok: bool


class Query(StrictModel):
    """``list`` and ``discover``. Everything that is given must hold; ``near``, ``top`` and ``workload`` only rank."""

    kind: Kind | None = None
    capabilities: Words = frozenset()
    """It has all of them."""
    labels: Labels = frozenset()
    """It has any of them."""
    text: Short = ""
    """Stands in its name, address, version or metadata; case is ignored."""
    states: Annotated[frozenset[Annotated[State, Field(strict=False)]], Field(strict=False)] = frozenset()
    """Empty: ``discover`` finds healthy ones, ``list`` all."""
    node_id: Short = ""
    near: Short = ""
    """A node's id: instances on it come first."""
    top: Annotated[int, Field(ge=1, le=MOST_RANKED)] = 10
    workload: Annotated[Workload, Field(strict=False)] | None = None
    """Ranks by the figures that count for it."""


class Instance(View):
    """One of them, as everybody may see it."""

    id: str
    kind: str
    name: str
    owner: str = ""
    """Who registered it."""
    node_id: str = ""
    url: str = ""
    address: str = ""
    port: int = 0
    version: str = ""
    capabilities: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    metadata: dict[str, str] = Field(default_factory=dict)
    state: State = State.HEALTHY
    lease_seconds: float
    registered_at: float
    seen_at: float
    telemetry: Telemetry = Telemetry()

    @field_serializer("capabilities", "labels")
    def _sorted(self, words: frozenset[str]) -> list[str]:
        return sorted(words)


class Score(View):
    """``total`` = 0.4 ``health`` + 0.3 ``trail`` + 0.3 ``telemetry``; each from 0 to 1."""

    health: float
    trail: float
    telemetry: float
    total: float


class Ranked(View):
    """An instance that was found, and why it stands where it stands."""

    instance: Instance
    score: Score


class Renewed(View):
    """The answer to a sign of life."""

    id: str
    state: State
    lease_seconds: float


class Change(View):
    """One line of a watch. ``number`` grows by one with each change; ``instance`` is None for ``reset`` and ``ready``.

    ``cursor`` is what to come back with: nothing that came after it is missed.
    """

    number: Count
    cursor: str
    what: What
    instance: Instance | None = None

    @cached_property
    def line(self) -> bytes:
        """As JSON on one line; made once for all who watch."""
        return self.model_dump_json(exclude_none=True).encode()
