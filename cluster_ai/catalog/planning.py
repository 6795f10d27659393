"""What a new pull would do, decided before anything is stored or fetched."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from cluster_ai.catalog.fit import FitView, fit
from cluster_ai.catalog.gguf_remote import MODEL, Known
from cluster_ai.catalog.given import Library
from cluster_ai.catalog.machine import Part
from cluster_ai.catalog.places import Place
from cluster_ai.catalog.tables import Pull
from cluster_ai.catalog.types import DiskTooSmall, ModelRef, NewPull, NothingFits, PullState, RegistryDown
from cluster_ai.core.errors import ClusterError, NotFound, Unsupported

log = structlog.get_logger(__name__)

MIB: Final = 1024 * 1024
SPARE_DISK: Final = 256 * MIB
"""Left free on a node's disk: it writes more than models."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model as somebody has it. ``known`` is None when only nodes have it."""

    digest: str
    size: int
    known: Known | None


async def find_source(library: Library, ref: ModelRef, places: Iterable[Place]) -> Source:
    """Digest and size, from the registry or else from whoever has the model.

    A registry that is silent here may answer the nodes; then they find out how large it is.

    Raises:
        NotFound: neither the registry nor a node has it.
        BrokenModel: it comes from strangers, and its header claims what cannot be true. No node sees a byte of it.
    """
    held = [holding for place in places if (holding := place.holding(str(ref))) is not None]
    try:
        known = await library.manifest(ref)
        if not ref.official and known.manifest.layer(MODEL) is not None:
            await library.shape(known)
    except NotFound:
        if not held:
            raise
    except RegistryDown as exc:
        log.warning("the registry does not answer the head", model=str(ref), reason=exc.message)
    else:
        return Source(known.manifest.digest, known.size, known)
    return Source(held[0].digest, held[0].size, None) if held else Source("", 0, None)


async def verdicts(library: Library, known: Known, places: Iterable[Place], *, context: int) -> dict[str, FitView]:
    """For each place that tells what is free there, by name. Raises what ``Library.shape`` does."""
    shape, name = await library.shape(known), str(known.ref)
    return {
        place.name: fit(shape, place.room, context=context, download=0 if place.holding(name) else known.size)
        for place in places
        if place.room is not None
    }


async def fitting(library: Library, places: tuple[Place, ...], source: Source, *, context: int) -> tuple[Place, ...]:
    """Those where it fits.

    Raises:
        NothingFits: with the reason of each.
        RegistryDown: nobody can tell.
    """
    if source.known is None:
        raise RegistryDown("the registry does not answer, so nobody can tell where the model fits")
    views = await verdicts(library, source.known, places, context=context)
    found = tuple(place for place in places if place.name in views and views[place.name].verdict != "no")
    if not found:
        raise NothingFits("; ".join(f"{name}: {view.reasons[-1]}" for name, view in views.items())[:500])
    return found


def new_pull(wanted: NewPull, source: Source, *, pull_id: str, by: str, now: float) -> Pull:
    """Of what was asked for."""
    return Pull(
        id=pull_id,
        model=str(ModelRef.of(wanted.model)),
        digest=source.digest,
        size=source.size,
        copies=wanted.copies,
        by=by,
        created_at=now,
        changed_at=now,
    )


def parts_of(pull: Pull, places: Iterable[Place], coming: Callable[[str], int]) -> tuple[Part, ...]:
    """A part for each place; those that could not take it have failed already. ``coming``: bytes on their way there.

    Raises:
        DiskTooSmall, NothingFits: no place could take it.
    """
    parts = tuple(_part(pull, place, coming(place.name)) for place in places)
    if parts and all(part.state is PullState.FAILED for part in parts):
        # Nothing was begun, so nothing is kept of it: the caller hears why.
        kind = DiskTooSmall if all(part.code == DiskTooSmall.code for part in parts) else NothingFits
        raise kind("; ".join(f"{part.node}: {part.error}" for part in parts)[:500])
    return parts


def meant(wanted: NewPull, places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The nodes that are named, or all that are up and take models; of these, with ``one_node``, as it says.

    Raises:
        NotFound: no node of that name, or none at all.
    """
    by_name = {place.name: place for place in places}
    for name in wanted.nodes:
        if name not in by_name:
            raise NotFound(f"no node is called {name}", hint="node ls", values={"about": "node", "name": name})
    if wanted.nodes:
        return tuple(by_name[name] for name in dict.fromkeys(wanted.nodes))
    found = tuple(place for place in places if place.up and place.changes and not place.drains)
    if not found:
        raise NotFound("no node is up that could fetch a model", hint="cluster-ai node ls")
    return _for_one(wanted, found) if wanted.one_node else found


def _for_one(wanted: NewPull, places: tuple[Place, ...]) -> tuple[Place, ...]:
    # All who have it get the newer one: two nodes with two versions under one name would answer differently.
    having = tuple(place for place in places if place.holding(str(ModelRef.of(wanted.model))))
    return having or (max(places, key=_disk),)


def _disk(place: Place) -> int:
    return -1 if place.room is None or place.room.disk is None else place.room.disk


def _part(pull: Pull, place: Place, coming: int) -> Part:
    held = place.holding(pull.model)
    if held is not None and pull.digest and held.digest == pull.digest:
        return Part(pull.id, place.name, PullState.DONE, status="it is there already")
    if refusal := _refusal(pull, place, coming):
        return Part(pull.id, place.name, PullState.FAILED, error=refusal.message, code=refusal.code)
    return Part(pull.id, place.name)


def _refusal(pull: Pull, place: Place, coming: int) -> ClusterError | None:
    if not place.changes:
        return Unsupported("it serves what it has and fetches nothing")
    if place.room is None or place.room.disk is None or not pull.size:
        return None
    free = place.room.disk - coming - SPARE_DISK
    if pull.size <= free:
        return None
    return DiskTooSmall(f"{pull.size // MIB} MiB to fetch, {max(0, free) // MIB} MiB of the disk may be used")
