"""What the catalog room needs of others; they pass it in."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cluster_ai.catalog.gguf_remote import Known
from cluster_ai.catalog.places import Nodes
from cluster_ai.catalog.shape import Shape
from cluster_ai.catalog.types import ModelRef
from cluster_ai.core.consent import Consent, always
from cluster_ai.core.errors import ClusterError


class Library(Protocol):
    """What is asked of registries; ``gguf_remote.Registry`` in earnest."""

    async def manifest(self, ref: ModelRef) -> Known: ...

    async def shape(self, known: Known) -> Shape: ...


@dataclass(frozen=True, slots=True)
class Given:
    """``admit`` raises where policy forbids to fetch a model. ``now`` answers Unix seconds."""

    nodes: Nodes
    library: Library
    admit: Callable[[str], None]
    now: Callable[[], float]
    new_id: Callable[[], str]
    aliases: Callable[[], Mapping[str, Iterable[str]]] = dict
    """The models that each alias may stand for."""
    consent: Consent = always
    """Asked in the unit of work that begins to change models."""


async def on_each(nodes: Iterable[str], work: Callable[[str], Awaitable[None]]) -> dict[str, ClusterError | None]:
    """Does ``work`` at every node side by side; what failed, by name. One that fails does not stop the others."""

    async def one(node: str) -> ClusterError | None:
        try:
            await work(node)
        except ClusterError as exc:
            return exc
        return None

    names = list(dict.fromkeys(nodes))
    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
