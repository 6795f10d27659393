"""What workers are answered about their attempts, over whatever wire they came.

An attempt that has begun is known by its fence, however old its token is: a report that waited on a worker's disk for
a day is as good as any while nobody took the ticket over. Only who wants to begin must show a token that has not
lapsed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from cluster_ai.core.errors import ClusterError, InvalidInput, NotFound
from cluster_ai.core.wire import View
from cluster_ai.executors.contract import Artefact, Result
from cluster_ai.plans import ordering, said
from cluster_ai.plans.lines import Lines
from cluster_ai.plans.pace import Pace
from cluster_ai.plans.records import Allowed, Done, End, Fence, Wanted
from cluster_ai.plans.worker_side import Room

INFRA: Final = frozenset({"child_lost", "disk_low", "no_child", "worker_disk", "worker_stopped"})
"""Failures that are the worker's, and do not count against the ticket's own retries."""
NOT_RUN: Final = INFRA | {"cancelled"}
"""Ends that say nothing of how long the work takes: perhaps nothing of it was done."""
ENDS: Final[Mapping[str, type[said.Ended]]] = {
    "complete": said.Complete,
    "fail": said.Fail,
    "return": said.Return,
}
_NAMED: Final = tuple(said.Named.model_fields)
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class Clerk:
    """One answer for each verb. ``gateway``: where a worker's tickets ask models; ``pace`` hears how long they took."""

    def __init__(self, room: Room, lines: Lines, gateway: Callable[[str], ordering.Gateway], pace: Pace) -> None:
        self._room = room
        self._lines = lines
        self._gateway = gateway
        self.pace = pace
        self._verbs: Mapping[str, Callable[[str, str, bytes], Awaitable[View]]] = {
            "start": self._start,
            "heartbeat": self._heartbeat,
            "progress": self._progress,
            **{verb: partial(self._end, kind) for verb, kind in ENDS.items()},
        }
        self._of_many: Mapping[str, Callable[[bytes], Awaitable[View]]] = {
            "start": self._start_many,
            "end": self._end_many,
        }

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

    async def answer_many(self, verb: str, body: bytes) -> View:
        """What a worker is told that says ``start`` or ``end`` of several attempts at once; each shows its own token.

        Raises:
            NotFound: there is no such verb.
            InvalidInput: the body is not as it should be; what is wrong with one of them is answered with that one.
        """
        handle = self._of_many.get(verb)
        if handle is None:
            raise NotFound(f"there is no verb {verb[:32]!r}")
        return await handle(body)

    # -- one attempt

    async def _start(self, ticket_id: str, token: str, body: bytes) -> View:
        asked = _read(said.Start, body)
        fence = self._fence(ticket_id, token, "start", asked.attempt, now=self._room.given.now())
        (answer,) = await self._room.reports.start_many((fence,))
        return self._begun(_good(answer), token)

    async def _heartbeat(self, ticket_id: str, token: str, body: bytes) -> View:
        asked = _read(said.Beat, body)
        return _told(await self._room.reports.beat(self._fence(ticket_id, token, "heartbeat", asked.attempt)))

    async def _progress(self, ticket_id: str, token: str, body: bytes) -> View:
        asked = _read(said.Progress, body)
        fence = self._fence(ticket_id, token, "heartbeat", asked.attempt)
        wanted = await self._room.reports.beat(fence, progress=asked.progress, note=asked.note)
        await asyncio.to_thread(
            self._lines.add,
            ticket_id,
            attempt=fence.attempt,
            texts=asked.lines,
            lost=asked.lost,
            now=self._room.given.now(),
        )
        return _told(wanted)

    async def _end(self, kind: type[said.Ended], ticket_id: str, token: str, body: bytes) -> View:
        ended = _read(kind, body)
        end = _end_of(self._fence(ticket_id, token, "complete", ended.attempt), ended)
        (answer,) = await self._room.reports.end_many((end,))
        done = _good(answer)
        self._note(ended, done)
        return said.Taken(dup=done.dup)

    # -- several

    async def _start_many(self, body: bytes) -> View:
        now = self._room.given.now()
        items = _read(said.StartMany, body).items
        fences = [_tried(partial(self._named, item, "start", now=now)) for item in items]
        reply = await self._room.reports.start_many([one for one in fences if not isinstance(one, ClusterError)])
        pairs = zip(items, _filled(fences, reply), strict=True)
        return said.BegunMany(items=tuple(self._begun_item(item, answer) for item, answer in pairs))

    async def _end_many(self, body: bytes) -> View:
        items = _read(said.EndMany, body).items
        words = [_tried(partial(self._ended, item)) for item in items]
        good = [one for one in words if not isinstance(one, ClusterError)]
        reply = await self._room.reports.end_many([end for _, end in good])
        for (ended, _), done in zip(good, reply, strict=True):
            self._note(ended, done)
        pairs = zip(items, _filled(words, reply), strict=True)
        return said.EndedMany(items=tuple(_ended_item(item, answer) for item, answer in pairs))

    def _named(self, item: Mapping[str, Any], verb: str, *, now: float = 0.0) -> Fence:
        named = _checked(said.Named, item)
        return self._fence(named.ticket_id, named.token, verb, named.attempt, now=now)

    def _ended(self, item: Mapping[str, Any]) -> tuple[said.Ended, End]:
        verb = item.get("verb")
        kind = ENDS.get(verb) if isinstance(verb, str) else None
        if kind is None:
            raise InvalidInput(f"must be one of {', '.join(ENDS)}", path="verb")
        fence = self._named({name: item[name] for name in _NAMED if name in item}, "complete")
        ended = _checked(kind, {name: value for name, value in item.items() if name not in _BESIDE})
        return ended, _end_of(fence, ended)

    def _begun_item(self, item: Mapping[str, Any], answer: Allowed | ClusterError) -> said.BegunItem:
        who = _who(item)
        if isinstance(answer, ClusterError):
            return said.BegunItem(**who, refused=_refused(answer))
        return said.BegunItem(**who, begun=self._begun(answer, item["token"]))

    # -- inside

    def _begun(self, allowed: Allowed, token: str) -> said.Begun:
        """The token stays the same: it was good a moment ago, and from here on its fence counts alone."""
        ticket = allowed.ticket
        return said.Begun(
            order=ordering.order_of(ticket, self._gateway(ticket.allocated_agent_id)),
            lease_seconds=self._room.given.lease_seconds,
            token=token,
            cancel=allowed.cancel,
            report=allowed.report,
        )

    def _note(self, ended: said.Ended, done: Done | ClusterError) -> None:
        if isinstance(ended, said.Fail) and ended.code in NOT_RUN:
            return
        if ended.seconds is not None and isinstance(done, Done) and not done.dup:
            self.pace.saw(done.plan_id, done.kind, ended.seconds)

    def _fence(self, ticket_id: str, token: str, verb: str, attempt: int, *, now: float = 0.0) -> Fence:
        """``now`` 0: a token that has lapsed will do."""
        fence = self._room.given.keys.read(token, ticket_id=ticket_id, verb=verb, now=now)
        if fence.attempt != attempt:
            raise InvalidInput("the token is of another attempt", path="attempt")
        return fence


_BESIDE: Final = ("ticket_id", "token", "verb")


def _end_of(fence: Fence, ended: said.Ended) -> End:
    match ended:
        case said.Complete(result=value, artefacts=artefacts):
            result = Result(ok=True, value=value, artefacts=tuple(_artefact(one) for one in artefacts))
            return End(fence, result, seconds=ended.seconds)
        case said.Fail(code=code):
            known = {"code": code, "error": ended.error, "retryable": ended.retryable}
            return End(fence, Result(ok=False, retry_after=ended.retry_after, **known), is_lost=code in INFRA)
        case _:
            return End(fence)


def _told(wanted: Wanted) -> said.Told:
    return said.Told(cancel=wanted.cancel, token=wanted.token, report=wanted.report)


def _ended_item(item: Mapping[str, Any], answer: Done | ClusterError) -> said.EndedItem:
    if isinstance(answer, ClusterError):
        return said.EndedItem(**_who(item), refused=_refused(answer))
    return said.EndedItem(**_who(item), dup=answer.dup)


def _who(item: Mapping[str, Any]) -> dict[str, Any]:
    """Of which attempt an answer is, as far as its item said so."""
    ticket_id, attempt = item.get("ticket_id"), item.get("attempt")
    return {
        "ticket_id": ticket_id[:36] if isinstance(ticket_id, str) else "",
        "attempt": attempt if type(attempt) is int else 0,
    }


def _refused(exc: ClusterError) -> said.Refused:
    return said.Refused(code=exc.code, message=exc.message)


def _tried(act: Callable[[], T]) -> T | ClusterError:
    try:
        return act()
    except ClusterError as exc:
        return exc


def _filled(asked: Sequence[object], answers: Sequence[T | ClusterError]) -> list[T | ClusterError]:
    """Answers in the places of what could be asked; what could not stays what it is."""
    left = iter(answers)
    return [one if isinstance(one, ClusterError) else next(left) for one in asked]


def _good(answer: T | ClusterError) -> T:
    if isinstance(answer, ClusterError):
        raise answer
    return answer


def _read(kind: type[M], body: bytes) -> M:
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        raise _wrong(exc) from exc


def _checked(kind: type[M], item: Mapping[str, Any]) -> M:
    try:
        return kind.model_validate(item)
    except ValidationError as exc:
        raise _wrong(exc) from exc


def _wrong(exc: ValidationError) -> InvalidInput:
    first = exc.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part)[:80] for part in first["loc"])
    return InvalidInput(f"{where or 'the body'}: {first['msg'][:300]}", path=where)


def _artefact(asked: Mapping[str, Any]) -> Artefact:
    try:
        return Artefact.model_validate(asked)
    except ValidationError as exc:
        raise InvalidInput("an artefact is not described as it should be", path="artefacts") from exc
