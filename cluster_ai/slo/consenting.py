"""The consent that freezes give or refuse: asked by whoever acts, in the unit of work that acts."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.consent import Consent, Deed
from cluster_ai.slo import tables
from cluster_ai.slo.held import refuse


def consenting(now: Callable[[], float]) -> Consent:
    """A ``Consent`` over the freezes in the database. It needs nothing else of this room; ``now`` in Unix seconds."""

    async def consent(connection: AsyncConnection, deed: Deed) -> None:
        if deed.is_mending:
            return
        await tables.lock(connection, alone=False)
        refuse(await tables.active(connection), deed, now())

    return consent
