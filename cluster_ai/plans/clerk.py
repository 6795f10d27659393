"""What workers are answered about their attempts, over whatever wire they came.

An attempt that has begun is known by its fence, however old its token is: a report that waited on a worker's disk for
a day is as good as any while nobody took the ticket over. Only who wants to begin must show a token that has not
lapsed.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from cluster_ai.core.errors import InvalidInput, NotFound
from cluster_ai.core.wire import StrictModel, Text, View
from cluster_ai.executors.contract import Artefact, Order, Reported, Result
from cluster_ai.plans.lines import Lines
from cluster_ai.plans.losing import Flow
from cluster_ai.plans.ordering import Gateway, order_of
from cluster_ai.plans.records import Fence, Leased, Ticket, Wanted
from cluster_ai.plans.worker_side import Room

Short = Annotated[Text, Field(max_length=256)]
Line = Annotated[Text, Field(max_length=8192)]
INFRA: Final = frozenset({"child_lost", "disk_low", "no_child", "worker_disk", "worker_stopped"})
"""Failures that are the worker's, and do not count against the ticket's own retries."""
EXPECTED: Final = 1024
"""Leases whose tickets are remembered until their workers ask for them."""


class Start(StrictModel):
    attempt: int
    worker: Short = ""
    life: Short = ""


class Beat(StrictModel):
    attempt: int


class Progress(StrictModel):
    attempt: int
    progress: Annotated[float, Field(ge=0, le=1)] | None = None
    note: Short = ""
    lines: list[Line] = Field(default_factory=list, max_length=1000)
    lost: Annotated[int, Field(ge=0)] = 0


class Complete(StrictModel):
    attempt: int
    result: Any = None
    artefacts: list[dict[str, Any]] = Field(default_factory=list, max_length=1000)


class Fail(StrictModel):
    attempt: int
    code: Annotated[Text, Field(max_length=64)] = ""
    error: Text = ""
    retryable: bool = True
    retry_after: Annotated[float, Field(ge=0)] | None = None


class Begun(View):
    """It may begin; with ``cancel`` it must not."""

    order: Order
    lease_seconds: float
    token: str
    cancel: bool = False
    report: Reported | None = None


class Told(View):
    """To a sign of life. ``token`` takes the place of the one before; ``report``: of a pipeline that it waits for."""

    cancel: bool
    token: str
    report: Reported | None = None


class Taken(View):
    """A report counts; ``dup``: it was known already."""

    dup: bool


class Clerk:
    """One answer for each verb. ``gateway``: where tickets of a worker ask models."""

    def __init__(self, room: Room, flow: Flow, lines: Lines, gateway: Callable[[str], Gateway]) -> None:
        self._room = room
        self._flow = flow
        self._lines = lines
        self._gateway = gateway
        self._expected: OrderedDict[tuple[str, int], Ticket] = OrderedDict()
        self._verbs: Mapping[str, Callable[[str, str, bytes], Awaitable[View]]] = {
            "start": self._start,
            "heartbeat": self._heartbeat,
            "progress": self._progress,
            "complete": self._complete,
            "fail": self._fail,
        }

    def expect(self, leased: Leased) -> None:
        """A worker will ask for this soon: it need not be read again."""
        self._expected[leased.ticket.ticket_id, leased.attempt] = leased.ticket
        while len(self._expected) > EXPECTED:
            self._expected.popitem(last=False)

    async def answer(self, ticket_id: str, verb: str, token: str, body: bytes) -> View:
        """What a worker is told.

        Raises:
            NotFound: there is no such verb.
            TicketToken, TokenScope: the token is not one for this.
            StaleAttempt: another attempt has taken over.
            InvalidInput: the body is not as it should be.
        """
        handle = self._verbs.get(verb)
        if handle is None:
            raise NotFound(f"there is no verb {verb[:32]!r}")
        return await handle(ticket_id, token, body)

    async def _start(self, ticket_id: str, token: str, body: bytes) -> View:
        said = _read(Start, body)
        fence = self._fence(ticket_id, token, "start", said.attempt, now=self._room.given.now())
        wanted = await self._room.reports.start(fence)
        ticket = self._expected.pop((ticket_id, fence.attempt), None) or await self._room.ticket(ticket_id)
        order = order_of(ticket, self._gateway(ticket.allocated_agent_id))
        return Begun(
            order=order,
            lease_seconds=self._room.given.lease_seconds,
            token=wanted.token,
            cancel=wanted.cancel,
            report=wanted.report,
        )

    async def _heartbeat(self, ticket_id: str, token: str, body: bytes) -> View:
        said = _read(Beat, body)
        return _told(await self._room.reports.beat(self._fence(ticket_id, token, "heartbeat", said.attempt)))

    async def _progress(self, ticket_id: str, token: str, body: bytes) -> View:
        said = _read(Progress, body)
        fence = self._fence(ticket_id, token, "heartbeat", said.attempt)
        wanted = await self._room.reports.beat(fence, progress=said.progress, note=said.note)
        await asyncio.to_thread(
            self._lines.add,
            ticket_id,
            attempt=fence.attempt,
            texts=said.lines,
            lost=said.lost,
            now=self._room.given.now(),
        )
        return _told(wanted)

    async def _complete(self, ticket_id: str, token: str, body: bytes) -> View:
        said = _read(Complete, body)
        fence = self._fence(ticket_id, token, "complete", said.attempt)
        artefacts = tuple(_artefact(one) for one in said.artefacts)
        done = await self._room.reports.complete(fence, Result(ok=True, value=said.result, artefacts=artefacts))
        return Taken(dup=done.dup)

    async def _fail(self, ticket_id: str, token: str, body: bytes) -> View:
        said = _read(Fail, body)
        fence = self._fence(ticket_id, token, "complete", said.attempt)
        if said.code in INFRA and await self._flow.lose(
            ticket_id, fence.attempt, code=said.code, message=said.error, fence=fence
        ):
            return Taken(dup=False)
        result = Result(
            ok=False, code=said.code, error=said.error, retryable=said.retryable, retry_after=said.retry_after
        )
        done = await self._room.reports.fail(fence, result)
        return Taken(dup=done.dup)

    def _fence(self, ticket_id: str, token: str, verb: str, attempt: int, *, now: float = 0.0) -> Fence:
        """``now`` 0: a token that has lapsed will do."""
        fence = self._room.given.keys.read(token, ticket_id=ticket_id, verb=verb, now=now)
        if fence.attempt != attempt:
            raise InvalidInput("the token is of another attempt", path="attempt")
        return fence


def _told(wanted: Wanted) -> Told:
    return Told(cancel=wanted.cancel, token=wanted.token, report=wanted.report)


def _read(kind: Any, body: bytes) -> Any:
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:80] for part in first["loc"])
        raise InvalidInput(f"{where or 'the body'}: {first['msg'][:300]}", path=where) from exc


def _artefact(said: Mapping[str, Any]) -> Artefact:
    try:
        return Artefact.model_validate(said)
    except ValidationError as exc:
        raise InvalidInput("an artefact is not described as it should be", path="artefacts") from exc
