"""Writes what somebody did, and how it ended, into the audit log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.auth import Caller
from backend.plane import Plane
from cluster_ai.accounts.audit import Deed
from cluster_ai.core.errors import ClusterError


@asynccontextmanager
async def recorded(plane: Plane, caller: Caller, *, action: str, subject: str) -> AsyncIterator[None]:
    """The deed is the block; a refusal is recorded, too."""
    deed = Deed(actor=caller.principal.name, action=action, subject=subject, address=caller.address)
    try:
        yield
    except ClusterError as exc:
        await plane.accounts.audit.record(deed.model_copy(update={"outcome": exc.code[:32]}))
        raise
    await plane.accounts.audit.record(deed)
