"""Who leads, as rooms are told: work that one of several heads does goes by it, and what it writes is fenced.

``leads`` is a hint that costs nothing and may be late. What must not be done twice is decided by the guard, which is
asked in the unit of work itself: ``database.guarded(guard)``.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

Leads = Callable[[], int]
"""The epoch of our term; 0 while another leads, or nobody."""

Guard = Callable[[AsyncConnection], Awaitable[None]]
"""Raises inside a unit of work that only a leader may do, when this process does not lead."""


def always() -> int:
    """Where there is no other."""
    return 1


async def unguarded(_connection: AsyncConnection) -> None:
    """Where there is no other."""
