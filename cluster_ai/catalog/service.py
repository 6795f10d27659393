"""Pulls as people manage them over many nodes. What nodes do, ``NodeModels`` does."""

from typing import Final

from cluster_ai.catalog.board import Board
from cluster_ai.catalog.courier import Courier
from cluster_ai.catalog.fit import FitView
from cluster_ai.catalog.given import Given
from cluster_ai.catalog.machine import Cancelled, Noted, Part, Paused, Resumed
from cluster_ai.catalog.planning import MIB, find_source, fitting, meant, new_pull, parts_of, verdicts
from cluster_ai.catalog.types import ModelRef, NewPull, PullView
from cluster_ai.core.errors import ClusterError, Conflict

SHOWN: Final = 100


class Pulls:
    """Verbs of pulls. The board keeps them, the courier carries them out."""

    def __init__(self, board: Board, courier: Courier, given: Given) -> None:
        self._board = board
        self._courier = courier
        self._given = given

    async def create(self, wanted: NewPull, *, by: str) -> PullView:
        """Begins to bring a model to nodes.

        Raises:
            NotFound: no such node, or neither registry nor node has the model.
            DiskTooSmall, NothingFits: no node could take it; nothing was begun.
            ClusterError: policy or a freeze forbids it.
        """
        self._given.admit(wanted.model)
        ref, library = ModelRef.of(wanted.model), self._given.library
        all_places = self._given.nodes.places()
        places = meant(wanted, all_places)
        source = await find_source(library, ref, all_places)
        if wanted.fits:
            places = await fitting(library, places, source, context=wanted.context)
        pull = new_pull(wanted, source, pull_id=self._given.new_id(), by=by, now=self._given.now())
        parts = parts_of(pull, places, self._board.coming)
        view = await self._board.add(pull, parts)
        self._courier.wake()
        return view

    async def all(self) -> tuple[PullView, ...]:
        """The newest first."""
        return await self._board.last(most=SHOWN)

    async def get(self, pull_id: str) -> PullView:
        return await self._board.get(pull_id)

    async def pause(self, pull_id: str, nodes: tuple[str, ...] = ()) -> PullView:
        """Stops it, or those nodes' parts; what came so far is kept."""
        changed = await self._board.settle(pull_id, nodes, Paused())
        await self._courier.stop(pull_id, [part.node for part in changed])
        return await self._board.get(pull_id)

    async def resume(self, pull_id: str, nodes: tuple[str, ...] = ()) -> PullView:
        """Goes on with what was paused, failed or cancelled, from where it was.

        Raises:
            ClusterError: policy or a freeze forbids it by now.
        """
        self._given.admit((await self._board.get(pull_id)).model)
        await self._board.settle(pull_id, nodes, Resumed())
        self._courier.wake()
        return await self._board.get(pull_id)

    async def cancel(self, pull_id: str, nodes: tuple[str, ...] = (), *, purge: bool = False) -> PullView:
        """Ends it for good. With ``purge`` nodes remove what came so far; else each part tells how much stays."""
        before = {part.node: part for part in (await self._board.get(pull_id)).parts}
        changed = await self._board.settle(pull_id, nodes, Cancelled())
        await self._courier.stop(pull_id, [part.node for part in changed])
        for part in changed:
            left = before[part.node].completed
            said = await self._purged(pull_id, part) if purge else _kept(left)
            await self._board.settle(pull_id, (part.node,), Noted(said))
        return await self._board.get(pull_id)

    async def remove(self, pull_id: str) -> None:
        """Forgets an ended one.

        Raises:
            Conflict: it has not ended.
        """
        view = await self._board.get(pull_id)
        if not view.state.ended:
            raise Conflict("the pull has not ended", hint="cancel it first")
        await self._board.remove(pull_id)

    async def fits(self, model: str, *, context: int) -> dict[str, FitView]:
        """The verdict for each node, by name.

        Raises:
            NotFound: no registry has the model.
            RegistryDown: nobody can tell.
        """
        known = await self._given.library.manifest(ModelRef.of(model))
        return await verdicts(self._given.library, known, self._given.nodes.places(), context=context)

    # -- inside

    async def _purged(self, pull_id: str, part: Part) -> str:
        view = await self._board.get(pull_id)
        try:
            freed = await self._given.nodes.at(part.node).purge(view.model, tuple(one.digest for one in part.layers))
        except ClusterError as exc:
            return f"what came so far could not be removed: {exc.message}"[:250]
        return f"{freed // MIB} MiB were removed"


def _kept(left: int) -> str:
    return f"{left // MIB} MiB of it stay at the node" if left else ""
