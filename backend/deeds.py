"""Writes what somebody did, and how it ended, into the audit log."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from backend.caller import Caller
from backend.plane import Plane
from cluster_ai.accounts.audit import Deed
from cluster_ai.core.errors import ClusterError


@asynccontextmanager
async def recorded(plane: Plane, caller: Caller, *, action: str, subject: str) -> AsyncIterator[None]:
    """The deed is the block; a refusal is recorded, too."""
    note = noting(plane, caller, action=action, subject=subject)
    try:
        yield
    except ClusterError as exc:
        await note(exc.code)
        raise
    await note("done")


def noting(plane: Plane, caller: Caller, *, action: str, subject: str) -> Callable[[str], Awaitable[None]]:
    """Records how a deed goes: called with each outcome, of one that takes long also that it has begun."""
    deed = Deed(actor=caller.principal.name, action=action, subject=subject, address=caller.address)

    async def note(outcome: str) -> None:
        await plane.accounts.audit.record(deed.model_copy(update={"outcome": outcome[:32]}))

    return note
