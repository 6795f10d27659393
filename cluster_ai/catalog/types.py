"""Words of the catalog room. Pure. Sizes in bytes, times in Unix seconds."""

import re
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints

from cluster_ai.core.errors import Conflict, Forbidden, InvalidInput, Unavailable
from cluster_ai.core.wire import Count, ModelName, Name, StrictModel, View

LIBRARY: Final = "registry.ollama.ai"
"""Where a name without a host leads to."""
MOST_NODES: Final = 100
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Percent = Annotated[float, Field(ge=0, le=100)]
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:\d+)?")
_HOSTED: Final = 3
"""Parts of a name that begins with a host."""


class RegistryForbidden(Forbidden):
    """The model's name leads to a registry that nobody allowed."""

    code = "registry_not_allowed"


class RegistryDown(Unavailable):
    """A registry of models does not answer, or not as one does."""

    code = "registry_down"


class PullFailed(Unavailable):
    """A node could not fetch a model."""

    code = "pull_failed"


class NodeCut(Unavailable):
    """The connection to a node broke off while it fetched a model; what came so far is kept."""

    code = "node_cut"


class WrongDigest(Conflict):
    """What came over the network is not what was asked for."""

    code = "wrong_digest"


class DiskTooSmall(Conflict):
    """The model is larger than what is free on the node's disk."""

    code = "disk_too_small"


class NothingFits(Conflict):
    """None of the nodes that were meant could hold the model."""

    code = "nothing_fits"


class BadEntry(InvalidInput):
    """A catalogue file says something that cannot be."""

    code = "bad_catalogue"


class ModelRef(View):
    """A model's full name: ``host``/``path``:``tag``."""

    host: str = LIBRARY
    path: str
    tag: str = "latest"

    @classmethod
    def of(cls, name: str) -> Self:
        """What Ollama takes ``name`` for."""
        stem, tag = name, "latest"
        if ":" in name.rpartition("/")[2]:
            stem, _, tag = name.rpartition(":")
        parts = stem.split("/")
        hosted = len(parts) >= _HOSTED or (len(parts) > 1 and "." in parts[0] and bool(_HOST.fullmatch(parts[0])))
        host = parts.pop(0) if hosted else LIBRARY
        path = "/".join(parts) if len(parts) > 1 or hosted else f"library/{parts[0]}"
        return cls(host=host, path=path, tag=tag)

    @property
    def official(self) -> bool:
        """Put there by the library's own people; everything else comes from strangers."""
        return self.host == LIBRARY and self.path.startswith("library/")

    def __str__(self) -> str:
        """As nodes list it: without what they leave out."""
        path = self.path.removeprefix("library/") if self.host == LIBRARY else f"{self.host}/{self.path}"
        return f"{path}:{self.tag}"


class Layer(StrictModel):
    """A file of a model. ``kind`` is its media type."""

    digest: Digest
    size: Count
    kind: str = ""


class Manifest(View):
    """The files that make up a model. ``digest`` is that of the manifest, which changes with any of them."""

    digest: str
    layers: tuple[Layer, ...]

    @property
    def size(self) -> int:
        return sum({layer.digest: layer.size for layer in self.layers}.values())

    def layer(self, kind: str) -> Layer | None:
        return next((layer for layer in self.layers if layer.kind == kind), None)


class PullState(StrEnum):
    """Of a pull and of each node's part in it."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in {PullState.DONE, PullState.FAILED, PullState.CANCELLED}


class LayerProgress(View):
    """How much of a file a node has."""

    digest: str
    total: Count = 0
    completed: Count = 0


Source = Literal["", "library", "node"]


class PullPart(View):
    """One node's part in a pull."""

    node: str
    state: PullState
    status: str = ""
    """In the node's own words."""
    source: Source = ""
    from_node: str = ""
    """The node that it copies from."""
    error: str = ""
    code: str = ""
    layers: tuple[LayerProgress, ...] = ()
    attempts: Count = 0

    @property
    def completed(self) -> int:
        return sum(layer.completed for layer in self.layers)


class PullView(View):
    """A model on its way to nodes."""

    id: str
    model: str
    digest: str = ""
    """Of the manifest, where the registry told it."""
    size: Count = 0
    state: PullState
    copies: bool = True
    """Nodes may copy from each other."""
    created_at: float
    changed_at: float
    by: str = ""
    parts: tuple[PullPart, ...] = ()


class NewPull(StrictModel):
    """``POST /api/v1/pulls``. Without ``nodes`` it goes to all, or with ``fits`` to all where it fits.

    With ``one_node`` and without ``nodes``: to those that have it already, else to the one with the most room.
    """

    model: ModelName
    nodes: Annotated[tuple[Name, ...], Field(max_length=MOST_NODES, strict=False)] = ()
    fits: bool = False
    one_node: bool = False
    context: int = Field(default=8192, ge=256, le=1_048_576)
    """For ``fits``: tokens that must find their place, too."""
    copies: bool = True


class Holding(View):
    """A model at a node."""

    node: str
    digest: str = ""
    size: Count = 0
    loaded: bool = False
    memory: Count = 0
    modified_at: float = 0.0
    """When the node got it, or changed it; 0 where nobody asked, or the node does not say."""


class Unused(View):
    """A model that nobody asked a node for, for long."""

    node: str
    model: str
    size: Count = 0
    freed: Count = 0
    """Bytes that come back when all that are listed go; none where another name keeps the same files."""
    last_used: str = ""
    """The last day (UTC) of a call through the gateway; empty: none is known."""
    modified_at: float = 0.0


class UnusedModels(View):
    """By node, the largest first. ``silent``: nodes that did not tell what they have."""

    days: Count
    items: tuple[Unused, ...] = ()
    silent: tuple[str, ...] = ()


class Pin(View):
    """A model that stays in a node's memory, also over restarts."""

    model: str
    node: str
    by: str = ""
    at: float = 0.0


class Update(View):
    """A model of which the registry has another version than some nodes."""

    model: str
    digest: str
    size: Count
    nodes: tuple[str, ...]


class OnNodes(StrictModel):
    """Which nodes a verb is for; all that it could mean when none is named."""

    nodes: Annotated[tuple[Name, ...], Field(max_length=MOST_NODES, strict=False)] = ()
