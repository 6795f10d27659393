"""Nodes as places for models, and what can be done there. Pure words; ``at_node`` does it over HTTP."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Protocol

from cluster_ai.catalog.fit import Room
from cluster_ai.catalog.types import Holding


@dataclass(frozen=True, slots=True)
class Step:
    """Progress that a node tells. Bytes; zero where the step has none."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


Steps = AsyncGenerator[Step]
"""Ends when the model is there. Closing it stops the node."""


class NodeModels(Protocol):
    """The models of one node. Every method may raise ``PullFailed`` or a finer ``ClusterError``."""

    def pull(self, model: str) -> Steps:
        """From the library; goes on from what an earlier one left."""
        ...

    def copy_from(self, source: str, model: str) -> Steps:
        """From the node called ``source``."""
        ...

    async def models(self) -> tuple[tuple[str, Holding], ...]:
        """What it has now, by name."""
        ...

    async def delete(self, model: str) -> None: ...

    async def load(self, model: str, *, keep: bool) -> None:
        """Into memory; for ever when ``keep``."""
        ...

    async def unload(self, model: str) -> None: ...

    async def show(self, model: str) -> dict[str, Any]: ...

    async def duplicate(self, model: str, name: str) -> None:
        """The same model under another name, on the same node."""
        ...

    async def purge(self, model: str, digests: tuple[str, ...]) -> int:
        """Removes what an unfinished pull or copy left of those files; bytes that were freed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node as it is now. ``room`` has what is free there."""

    name: str
    up: bool = True
    drains: bool = False
    changes: bool = True
    """False where models cannot be added: the embedded node serves what it has."""
    copies: bool = False
    """Others may copy from it and it from them: it has an agent that can read the models' files."""
    room: Room | None = field(default_factory=Room)
    """None where the node does not say what it has."""
    models: tuple[tuple[str, Holding], ...] = ()
    labels: tuple[str, ...] = ()

    def holding(self, model: str) -> Holding | None:
        """What it has under that name."""
        return next((held for name, held in self.models if name.casefold() == model.casefold()), None)


class Nodes(Protocol):
    """The cluster's nodes, passed in by whoever knows them."""

    def places(self) -> tuple[Place, ...]: ...

    def at(self, node: str) -> NodeModels:
        """Raises ``NotFound`` when there is no such node."""
        ...
