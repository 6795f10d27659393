"""What a node says of itself, and what people want of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster_ai.gateway.routing import key_of
from cluster_ai.gateway.types import ModelView, UpstreamSettings


@dataclass(frozen=True, slots=True)
class Picture:
    """What a node said of itself in one round of probes."""

    version: str
    models: tuple[ModelView, ...]
    tags: tuple[Mapping[str, object], ...] = ()
    """Its own records of ``/api/tags``, passed on in our merged list."""
    loaded: tuple[Mapping[str, object], ...] = ()
    """The same of ``/api/ps``."""
    by_name: Mapping[str, ModelView] = field(init=False, default_factory=dict)
    """By full name in lower case."""
    by_digest: Mapping[str, ModelView] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {key_of(model.name): model for model in self.models})
        object.__setattr__(self, "by_digest", {model.digest: model for model in self.models if model.digest})


@dataclass(frozen=True, slots=True)
class Orders:
    """What people want of a node, kept apart from what was measured of it."""

    slots: int | None = None
    priority: int = 0
    labels: frozenset[str] = frozenset()
    drain: bool = False

    @classmethod
    def of(cls, row: UpstreamSettings) -> "Orders":
        return cls(row.slots, row.priority, frozenset(row.labels), row.drain)
