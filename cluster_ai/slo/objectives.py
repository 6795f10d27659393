"""Objectives as people manage them. Every public method is one unit of work."""

import re
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.errors import Changed, Conflict, InvalidInput, NotFound
from cluster_ai.core.wire import View
from cluster_ai.slo import bucket_tables, tables
from cluster_ai.slo.checking import check, warnings
from cluster_ai.slo.given import Given
from cluster_ai.slo.tables import Page
from cluster_ai.slo.types import FreezeScope, NewObjective, Objective, ObjectiveView, SloId, etag

MOST: Final = 500
_ID: Final = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}$")


class SloNotFound(NotFound):
    """No objective has that id."""

    code = "slo_not_found"


class SloExists(Conflict):
    """Another objective has that id."""

    code = "slo_exists"


class KeptInFile(Conflict):
    """It stands in a file, which would win at its next change."""

    code = "kept_in_file"


class HeldByFreeze(Conflict):
    """A freeze of the whole cluster rests on it: two persons end that, not one."""

    code = "held_by_freeze"


class Imported(View):
    """What came of an import. ``left_out``: what could not be taken, with the reason."""

    objectives: tuple[ObjectiveView, ...] = ()
    policies: tuple[str, ...] = ()
    left_out: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it


def slug(name: str) -> SloId:
    """An id made of a name.

    Raises:
        InvalidInput: no letter or digit is left of it.
    """
    found = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:63].strip("-")
    if not _ID.match(found):
        raise InvalidInput("no id can be made of this name: give one", path="slo_id")
    return found


class Objectives:
    """Owns the definitions."""

    def __init__(self, given: Given) -> None:
        self._given = given

    async def create(self, wanted: NewObjective) -> ObjectiveView:
        """A new one.

        Raises:
            SloExists: its id is taken.
            InvalidInput: it cannot be meant so.
        """
        async with self._given.database.transaction() as connection:
            return await self.added(connection, wanted)

    async def create_all(self, wanted: tuple[NewObjective, ...]) -> tuple[ObjectiveView, ...]:
        """All of them or none. Raises as ``create``."""
        async with self._given.database.transaction() as connection:
            return tuple([await self.added(connection, one) for one in wanted])

    async def added(self, connection: AsyncConnection, wanted: NewObjective, *, origin: str = "") -> ObjectiveView:
        """Stores a new one in somebody's unit of work. Raises as ``create``."""
        slo_id = wanted.slo_id or slug(wanted.name)
        if await tables.objective(connection, slo_id) is not None:
            raise SloExists(f"an objective is called {slo_id} already", hint="change it, or give another slo_id")
        if len(await tables.objectives(connection, Page(MOST))) >= MOST:
            raise Conflict(f"there are {MOST} objectives already", hint="cluster-ai slo delete")
        return await self._stored(connection, slo_id, _plain(wanted), origin=origin)

    async def get(self, slo_id: str) -> ObjectiveView:
        """One of them.

        Raises:
            SloNotFound: there is none.
        """
        async with self._given.database.read() as connection:
            return _warned(await _found(connection, slo_id))

    async def all(self, page: Page, **filters: Any) -> tuple[ObjectiveView, ...]:
        """By id. ``filters``: service_name, layer, slo_type, enabled."""
        chosen = {name: value for name, value in filters.items() if value is not None}
        async with self._given.database.read() as connection:
            return tuple(map(_warned, await tables.objectives(connection, page, chosen)))

    async def change(self, slo_id: str, objective: Objective, *, seen: str = "") -> ObjectiveView:
        """Puts another definition in its place; what was counted stays. ``seen``: its etag as the caller knows it.

        Raises:
            Changed: it is another by now than the one that was seen.
            SloNotFound, KeptInFile, InvalidInput: as they say.
            HeldByFreeze: it would be switched off under a freeze of the whole cluster.
        """
        async with self._given.database.transaction() as connection:
            before = await _found(connection, slo_id)
            _refuse_file(before)
            if seen not in {"", "*", etag(before)}:
                raise Changed("the objective was changed by somebody else", hint="read it again, then decide")
            if not objective.enabled:
                await refuse_held(connection, slo_id=slo_id)
            return await self._stored(connection, slo_id, _plain(objective), before=before)

    async def remove(self, slo_id: str) -> None:
        """Forgets it and what was counted for it. Raises as ``change``."""
        async with self._given.database.transaction() as connection:
            _refuse_file(await _found(connection, slo_id))
            await refuse_held(connection, slo_id=slo_id)
            await drop(connection, slo_id)

    async def put(
        self, connection: AsyncConnection, wanted: NewObjective, *, origin: str, before: ObjectiveView | None
    ) -> ObjectiveView:
        """Stores what a file says."""
        return await self._stored(connection, str(wanted.slo_id), _plain(wanted), before=before, origin=origin)

    async def _stored(
        self,
        connection: AsyncConnection,
        slo_id: str,
        objective: Objective,
        *,
        before: ObjectiveView | None = None,
        origin: str = "",
    ) -> ObjectiveView:
        check(objective)
        now = self._given.now()
        made = before.created_at if before else now
        view = ObjectiveView(slo_id=slo_id, objective=objective, origin=origin, created_at=made, updated_at=now)
        if before and _counts_otherwise(before.objective, objective):
            # Buckets of another kind of event would be added to these.
            await bucket_tables.remove(connection, slo_id)
        await tables.put_objective(connection, view)
        return _warned(view)


async def drop(connection: AsyncConnection, slo_id: str) -> None:
    """Forgets an objective and all that was counted for it."""
    await bucket_tables.remove(connection, slo_id)
    await tables.remove_objective(connection, slo_id)


async def refuse_held(connection: AsyncConnection, *, slo_id: str = "", policy_id: str = "") -> None:
    """Refuses to take away what a freeze of the whole cluster rests on.

    Raises:
        HeldByFreeze: one does.
    """
    for held in await tables.active(connection):
        rests = held.view.slo_id == slo_id or held.view.policy_id == policy_id
        if rests and held.policy.scope is FreezeScope.GLOBAL:
            raise HeldByFreeze(
                f"the freeze {held.view.event_id} of the whole cluster rests on it",
                hint="cluster-ai freeze override, which needs two persons",
            )


def _counts_otherwise(before: Objective, after: Objective) -> bool:
    names = ("slo_type", "sli_query", "budgeting", "slice_target")
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _plain(wanted: Objective) -> Objective:
    return Objective.model_validate(wanted.model_dump(exclude={"slo_id"}))


def _warned(view: ObjectiveView) -> ObjectiveView:
    return view.model_copy(update={"warnings": warnings(view.objective)})


async def _found(connection: AsyncConnection, slo_id: str) -> ObjectiveView:
    view = await tables.objective(connection, slo_id)
    if view is None:
        raise SloNotFound(f"no objective is called {slo_id}", hint="cluster-ai slo list", values={"name": slo_id})
    return view


def _refuse_file(view: ObjectiveView) -> None:
    if view.origin:
        raise KeptInFile(f"{view.slo_id} stands in {view.origin}", hint="change the file; it is read again by itself")
