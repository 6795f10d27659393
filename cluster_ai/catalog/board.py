"""Pulls that have not ended, in memory and in the database: the one owner of both.

What changes a state is stored before it counts. Progress is stored and told once a second.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.catalog import tables
from cluster_ai.catalog.choosing import Wanted
from cluster_ai.catalog.machine import Event, Interrupted, Part, Progressed, Resumed, apply, can, state_of
from cluster_ai.catalog.tables import Kept, Pull
from cluster_ai.catalog.types import PullPart, PullState, PullView
from cluster_ai.core.db import Database
from cluster_ai.core.errors import NotFound

KEPT: int = 500
"""Pulls that are remembered after they ended."""
Tell = Callable[[PullView], None]
Agree = Callable[[AsyncConnection, str, Iterable[str]], Awaitable[None]]
"""Raises where a model may not be fetched to these nodes now."""


@dataclass(slots=True)
class _Open:
    pull: Pull
    parts: dict[str, Part]
    refused: dict[str, frozenset[str]] = field(default_factory=dict)
    """For a node, those from which it could not copy."""
    not_before: dict[str, float] = field(default_factory=dict)
    """For a node, the monotonic moment before which it is not tried again."""
    dirty: set[str] = field(default_factory=set)


class Board:
    """Made once; ``open`` it before use. ``now`` answers Unix seconds; ``tell`` hears of everything that changed."""

    def __init__(self, database: Database, *, now: Callable[[], float], tell: Tell, agree: Agree | None = None) -> None:
        self._database = database
        self._now = now
        self._tell = tell
        self._agree = agree or _agreed
        self._open: dict[str, _Open] = {}
        self._storing = asyncio.Lock()

    async def open(self) -> None:
        """Takes up what an earlier process left: what ran there waits here."""
        async with self._database.read() as connection:
            found = await tables.open_pulls(connection)
        for pull, parts in found:
            again = {part.node: apply(part, Interrupted()) if can(part, Interrupted()) else part for part in parts}
            self._open[pull.id] = _Open(pull, again)
            await self._store(self._open[pull.id], tuple(again.values()))

    # -- looking

    async def last(self, *, most: int) -> tuple[PullView, ...]:
        """The newest first, as they are now."""
        async with self._database.read() as connection:
            found = await tables.last_pulls(connection, most=most)
        return tuple(self._seen(kept) for kept in found)

    async def get(self, pull_id: str) -> PullView:
        """One of them.

        Raises:
            NotFound: there is none.
        """
        return self._seen(await self._kept(pull_id))

    def waiting(self, now: float) -> list[Wanted]:
        """Parts that could begin; ``now`` is monotonic."""
        return [
            Wanted(part, one.pull.model, one.pull.digest, one.pull.copies, one.refused.get(part.node, frozenset()))
            for one in self._open.values()
            for part in one.parts.values()
            if part.state is PullState.QUEUED and one.not_before.get(part.node, now) <= now
        ]

    def running(self) -> list[tuple[str, Part]]:
        """With the models' names."""
        return [(pull.model, part) for pull, part in self._parts() if part.state is PullState.RUNNING]

    def done(self) -> list[tuple[Pull, str]]:
        """Nodes that got a model by a pull that goes on elsewhere."""
        return [(pull, part.node) for pull, part in self._parts() if part.state is PullState.DONE]

    def coming(self, node: str) -> int:
        """Bytes that are on their way to a node."""
        parts = [(pull, part) for pull, part in self._parts() if part.node == node and not part.state.ended]
        return sum(max(0, pull.size - sum(layer.completed for layer in part.layers)) for pull, part in parts)

    def pull(self, pull_id: str) -> Pull | None:
        """An open one."""
        one = self._open.get(pull_id)
        return one.pull if one else None

    def part(self, pull_id: str, node: str) -> Part | None:
        one = self._open.get(pull_id)
        return one.parts.get(node) if one else None

    # -- changing

    async def add(self, pull: Pull, parts: tuple[Part, ...]) -> PullView:
        """A new one. Raises what ``agree`` does."""
        async with self._storing:
            async with self._database.transaction() as connection:
                await self._agree(connection, pull.model, [part.node for part in parts])
                await tables.add_pull(connection, pull, parts)
                await tables.remove_older(connection, keep=KEPT)
            one = _Open(pull, {part.node: part for part in parts})
            self._keep(one)
        return self._announce(one)

    async def settle(self, pull_id: str, nodes: tuple[str, ...], event: Event) -> tuple[Part, ...]:
        """Applies ``event`` to those parts of a pull that it can happen to, durably; the parts that changed.

        Raises what ``agree`` does, where the event lets them go on.
        """
        async with self._storing:
            one = self._open.get(pull_id) or _opened(await self._kept(pull_id))
            asked = [one.parts[node] for node in nodes or tuple(one.parts) if node in one.parts]
            changed = tuple(apply(part, event) for part in asked if can(part, event))
            if changed:
                await self._store(one, changed, asks=isinstance(event, Resumed))
        if changed:
            self._announce(one)
        return changed

    def note(self, pull_id: str, node: str, event: Progressed) -> None:
        """Progress, kept in memory until the next ``flush``."""
        one = self._open.get(pull_id)
        if one is not None and (part := one.parts.get(node)) is not None and can(part, event):
            one.parts[node] = apply(part, event)
            one.dirty.add(node)

    async def flush(self) -> None:
        """Stores and tells the progress since the last time."""
        for one in [one for one in self._open.values() if one.dirty]:
            async with self._storing:
                changed = tuple(one.parts[node] for node in one.dirty)
                await self._write(one, changed)
                # What came while this was written is younger: it is stored the next time.
                one.dirty = {part.node for part in changed if one.parts[part.node] is not part}
            self._announce(one)

    def refuse(self, pull_id: str, node: str, giver: str) -> None:
        """``node`` does not copy this model from ``giver`` any more."""
        if one := self._open.get(pull_id):
            one.refused[node] = one.refused.get(node, frozenset()) | {giver}

    def delay(self, pull_id: str, node: str, until: float) -> None:
        """``node`` is not tried again before that monotonic moment."""
        if one := self._open.get(pull_id):
            one.not_before[node] = until

    def is_at(self, pull_id: str, digest: str) -> None:
        """The model turned out to have that digest: its tag moved, or nobody had told."""
        if digest and (one := self._open.get(pull_id)):
            one.pull = replace(one.pull, digest=digest)

    async def remove(self, pull_id: str) -> None:
        """Forgets an ended one."""
        async with self._storing, self._database.transaction() as connection:
            await tables.remove_pull(connection, pull_id)

    # -- inside

    def _parts(self) -> Iterator[tuple[Pull, Part]]:
        for one in self._open.values():
            for part in one.parts.values():
                yield one.pull, part

    async def _kept(self, pull_id: str) -> Kept:
        async with self._database.read() as connection:
            found = await tables.pull_by_id(connection, pull_id)
        if found is None:
            raise NotFound("there is no such pull", hint="cluster-ai model pulls", values={"about": "pull"})
        return found

    async def _write(self, one: _Open, changed: tuple[Part, ...], *, asks: bool = False) -> None:
        now = self._now()
        async with self._database.transaction() as connection:
            if asks:
                await self._agree(connection, one.pull.model, [part.node for part in changed])
            await tables.store_parts(connection, changed, now=now)
        one.pull = replace(one.pull, changed_at=now)

    async def _store(self, one: _Open, changed: tuple[Part, ...], *, asks: bool = False) -> None:
        await self._write(one, changed, asks=asks)
        for part in changed:
            one.parts[part.node] = part
            one.dirty.discard(part.node)
        self._keep(one)

    def _keep(self, one: _Open) -> None:
        if state_of(one.parts.values()).ended and all(part.state.ended for part in one.parts.values()):
            self._open.pop(one.pull.id, None)
        else:
            self._open[one.pull.id] = one

    def _seen(self, kept: Kept) -> PullView:
        pull, parts = kept
        one = self._open.get(pull.id)
        return view_of(one.pull, tuple(one.parts.values())) if one else view_of(pull, parts)

    def _announce(self, one: _Open) -> PullView:
        view = view_of(one.pull, tuple(one.parts.values()))
        self._tell(view)
        return view


def view_of(pull: Pull, parts: tuple[Part, ...]) -> PullView:
    """A pull as people see it."""
    return PullView(
        id=pull.id,
        model=pull.model,
        digest=pull.digest,
        size=pull.size,
        state=state_of(parts),
        copies=pull.copies,
        created_at=pull.created_at,
        changed_at=pull.changed_at,
        by=pull.by,
        parts=tuple(
            PullPart(
                node=part.node,
                state=part.state,
                status=part.status,
                source=part.source,
                from_node=part.from_node,
                error=part.error,
                code=part.code,
                layers=part.layers,
                attempts=part.attempts,
            )
            for part in parts
        ),
    )


async def _agreed(_connection: AsyncConnection, _model: str, _nodes: Iterable[str]) -> None:
    """Nothing forbids anything."""


def _opened(kept: Kept) -> _Open:
    pull, parts = kept
    return _Open(pull, {part.node: part for part in parts})
