"""Asks whether models may be fetched, copied or removed now, node by node."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.catalog import tables
from cluster_ai.catalog.given import Given
from cluster_ai.catalog.types import ModelRef
from cluster_ai.core.consent import Action, Deed
from cluster_ai.core.db import Database

SERVICE = "gateway"
"""Models serve the callers of the gateway: what freezes that service freezes them."""


class Agreement:
    """``given.consent`` with the deeds of this room."""

    def __init__(self, database: Database, given: Given) -> None:
        self._database = database
        self._given = given

    async def pull(self, connection: AsyncConnection, model: str, nodes: Iterable[str]) -> None:
        """Asks in the unit of work that begins a pull. What is pinned to a node is fetched again in any case.

        Raises:
            Frozen: a freeze forbids it.
        """
        name = _name(model)
        pinned = {(pin.model, pin.node) for pin in await tables.all_pins(connection)}
        for deed in self._deeds(name, nodes, mending={node for known, node in pinned if known == name}):
            await self._given.consent(connection, deed)

    async def change(self, model: str, nodes: Iterable[str]) -> None:
        """Asks before nodes copy or remove a model, or fetch it for somebody who waits. Raises as ``pull``."""
        async with self._database.transaction() as connection:
            for deed in self._deeds(_name(model), nodes, mending=set()):
                await self._given.consent(connection, deed)

    def _deeds(self, model: str, nodes: Iterable[str], *, mending: set[str]) -> list[Deed]:
        labels = {place.name: " ".join(place.labels) for place in self._given.nodes.places()}
        return [
            Deed(
                Action.PULL,
                model,
                {"service": SERVICE, "model": model, "node": node, "group": labels.get(node, "")},
                is_mending=node in mending,
            )
            # Nobody has chosen the nodes yet: the model alone decides.
            for node in tuple(nodes) or ("",)
        ]


def _name(model: str) -> str:
    return str(ModelRef.of(model))
