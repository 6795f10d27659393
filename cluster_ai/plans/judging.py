"""What a worker's report makes of its ticket. The disk alone is touched here: large results are files before."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.executors.contract import Result
from cluster_ai.plans import backoff, machine, types
from cluster_ai.plans.given import Given
from cluster_ai.plans.records import End, Fence, Ticket
from cluster_ai.plans.results import Kept
from cluster_ai.plans.tables import tickets
from cluster_ai.plans.words import TicketState


@dataclass(frozen=True, slots=True)
class Word:
    """A report that could be true: what it makes of its ticket, and what its attempt ended as."""

    fence: Fence
    event: Callable[[Ticket], machine.Event]
    outcome: str
    kept: Kept | None = None


async def judged(given: Given, end: End) -> Word | ClusterError:
    """The report; or what is wrong with its result."""
    fence, result = end.fence, end.result
    if result is None:
        return Word(fence, lambda _ticket: machine.Returned(), "returned")
    if end.is_lost:
        return Word(fence, partial(_lost, given, result), "lost")
    if not result.ok:
        return Word(fence, partial(_failed, given, result), "failed")
    try:
        kept = await _kept(given, fence, result)
    except (InvalidInput, types.NoSuchTicket) as exc:
        return exc
    finished = replace(_finished(kept, result), seconds=end.seconds)
    return Word(fence, lambda _ticket: finished, "succeeded", kept)


async def tidy(given: Given, refused: Iterable[Word]) -> None:
    """No row names the file of a result that was refused; one of the same attempt and content is no news."""
    for word in refused:
        if word.kept is not None and word.kept.uri:
            await asyncio.to_thread(given.results.remove, word.kept)


async def _kept(given: Given, fence: Fence, result: Result) -> Kept:
    """The result as its row keeps it."""
    if (kept := given.results.small(result.value)) is not None:
        return kept
    async with given.database.read() as connection:
        found = await tickets.ticket(connection, fence.ticket_id)
    if found is None:
        raise types.NoSuchTicket(f"there is no ticket {fence.ticket_id}")
    name = f"{fence.ticket_id}-{fence.attempt}"
    return await asyncio.to_thread(given.results.keep, result.value, plan_id=found.plan_id, name=name)


def _failed(given: Given, result: Result, ticket: Ticket) -> machine.Event:
    wait = backoff.wanted(result.retry_after, ticket.retry_count, given.rng)
    code = (result.code or "failed")[:64]
    return machine.Failed(code, result.error[:1024], retryable=result.retryable, delay=wait)


def _lost(given: Given, result: Result, ticket: Ticket) -> machine.Event:
    if ticket.status is TicketState.CANCELLING:
        return machine.Stopped()
    return machine.Lost(result.code, result.error[:1024], delay=backoff.delay(ticket.losses, given.rng))


def _finished(kept: Kept, result: Result) -> machine.Finished:
    named = tuple(one.model_dump() for one in result.artefacts)
    return machine.Finished(kept.value, kept.uri, kept.sha256, kept.size, named)
