"""Freeze policies as people manage them. Every public method is one unit of work."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.errors import Conflict, NotFound
from cluster_ai.slo import tables
from cluster_ai.slo.given import Given
from cluster_ai.slo.objectives import KeptInFile, refuse_held, slug
from cluster_ai.slo.tables import Page
from cluster_ai.slo.types import FreezePolicy, NewPolicy, PolicyView

MOST: Final = 200


class PolicyNotFound(NotFound):
    """No freeze policy has that id."""

    code = "policy_not_found"


class PolicyExists(Conflict):
    """Another freeze policy has that id."""

    code = "policy_exists"


class Policies:
    """Owns the policies."""

    def __init__(self, given: Given) -> None:
        self._given = given

    async def create(self, wanted: NewPolicy) -> PolicyView:
        """A new one.

        Raises:
            PolicyExists: its id is taken.
        """
        async with self._given.database.transaction() as connection:
            return await self.added(connection, wanted)

    async def added(self, connection: AsyncConnection, wanted: NewPolicy, *, origin: str = "") -> PolicyView:
        """Stores a new one in somebody's unit of work. Raises as ``create``."""
        policy_id = wanted.policy_id or slug(wanted.name)
        if await tables.policy(connection, policy_id) is not None:
            raise PolicyExists(f"a freeze policy is called {policy_id} already", hint="change it, or give another id")
        if len(await tables.all_policies(connection, Page(MOST))) >= MOST:
            raise Conflict(f"there are {MOST} freeze policies already", hint="cluster-ai freeze policy delete")
        return await self.put(connection, policy_id, wanted, origin=origin)

    async def get(self, policy_id: str) -> PolicyView:
        async with self._given.database.read() as connection:
            return await _found(connection, policy_id)

    async def all(self, page: Page) -> tuple[PolicyView, ...]:
        """By id."""
        async with self._given.database.read() as connection:
            return await tables.all_policies(connection, page)

    async def change(self, policy_id: str, policy: FreezePolicy) -> PolicyView:
        """Puts another in its place; a freeze that holds stays as it began.

        Raises:
            PolicyNotFound, KeptInFile: as they say.
            HeldByFreeze: it would be switched off under a freeze of the whole cluster.
        """
        async with self._given.database.transaction() as connection:
            before = await _found(connection, policy_id)
            _refuse_file(before)
            if not policy.enabled:
                await refuse_held(connection, policy_id=policy_id)
            return await self.put(connection, policy_id, policy, before=before)

    async def remove(self, policy_id: str) -> None:
        """Takes it back; its freezes end with the next evaluation. Raises as ``change``."""
        async with self._given.database.transaction() as connection:
            _refuse_file(await _found(connection, policy_id))
            await refuse_held(connection, policy_id=policy_id)
            await tables.remove_policy(connection, policy_id)

    async def put(
        self,
        connection: AsyncConnection,
        policy_id: str,
        policy: FreezePolicy,
        *,
        before: PolicyView | None = None,
        origin: str = "",
    ) -> PolicyView:
        """Stores it."""
        now = self._given.now()
        plain = FreezePolicy.model_validate(policy.model_dump(exclude={"policy_id"}))
        made = before.created_at if before else now
        view = PolicyView(policy_id=policy_id, policy=plain, origin=origin, created_at=made, updated_at=now)
        await tables.put_policy(connection, view)
        return view


async def _found(connection: AsyncConnection, policy_id: str) -> PolicyView:
    view = await tables.policy(connection, policy_id)
    if view is None:
        raise PolicyNotFound(f"no freeze policy is called {policy_id}", hint="cluster-ai freeze policy list")
    return view


def _refuse_file(view: PolicyView) -> None:
    if view.origin:
        raise KeptInFile(f"{view.policy_id} stands in {view.origin}", hint="change the file; it is read again")
