"""The whole life of a ticket: one match over (state, event). Pure; what is illegal raises.

An attempt is fenced by its lease: whoever reports is checked before an event is made of the report, so that the events
here are always the present attempt's.
"""

from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.plans.records import Ticket, but
from cluster_ai.plans.types import IllegalTransition
from cluster_ai.plans.words import DeliveryMode
from cluster_ai.plans.words import TicketState as S

MOST_LOSSES: Final = 5
"""Attempts that infrastructure may lose before somebody must look."""
LOST_AFTER_START: Final = "lost_after_start"
WORKERS_LOST: Final = "workers_lost"
HELD_SECONDS: Final = 15.0
"""A ticket that a freeze holds is asked for again after this."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The plan that it belongs to begins."""


@dataclass(frozen=True, slots=True)
class Met:
    """Everything it depends on has succeeded."""


@dataclass(frozen=True, slots=True)
class Leased:
    worker: str
    token: str
    until: float


@dataclass(frozen=True, slots=True)
class Started:
    """The worker begins: from here on it may have had effects."""

    until: float


@dataclass(frozen=True, slots=True)
class Finished:
    result: Any = None
    uri: str = ""
    sha256: str = ""
    size: int = 0
    artefacts: tuple[dict[str, Any], ...] = ()
    seconds: float | None = None
    """That it ran, as its worker measured; None: all of the time since it began."""


@dataclass(frozen=True, slots=True)
class Failed:
    """``delay``: seconds until the next attempt, if there is one."""

    code: str
    message: str = ""
    retryable: bool = True
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Lost:
    """Infrastructure lost the attempt: the lease ran out, the worker went away."""

    code: str
    message: str = ""
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Returned:
    """Its worker gives it back, having done nothing of it: no attempt was spent, and none was lost."""


@dataclass(frozen=True, slots=True)
class Due:
    """The wait for the next attempt is over."""


@dataclass(frozen=True, slots=True)
class NotStarted:
    """No worker took it in time."""


@dataclass(frozen=True, slots=True)
class Held:
    reason: str
    code: str = "held"


@dataclass(frozen=True, slots=True)
class Released:
    pass


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """``by``: when it counts as cancelled though its worker said nothing."""

    by: float
    code: str = "cancelled"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Its worker has stopped, or may be taken for it."""


@dataclass(frozen=True, slots=True)
class Skipped:
    message: str = ""


@dataclass(frozen=True, slots=True)
class UndoAsked:
    pass


@dataclass(frozen=True, slots=True)
class Revived:
    """``pending``: how many of its dependencies have not succeeded."""

    pending: int = 0


Event = (
    Begun
    | Met
    | Leased
    | Started
    | Finished
    | Failed
    | Lost
    | Returned
    | Due
    | NotStarted
    | Held
    | Released
    | CancelAsked
    | Stopped
    | Skipped
    | UndoAsked
    | Revived
)


def apply(ticket: Ticket, event: Event, now: float) -> Ticket:
    """The ticket after ``event``.

    Raises:
        IllegalTransition: that cannot happen to it as it stands.
    """
    return _timed(_after(ticket, event, now), now)


def can(ticket: Ticket, event: Event) -> bool:
    """Whether ``event`` means anything to it now."""
    try:
        apply(ticket, event, ticket.updated_at)
    except IllegalTransition:
        return False
    return True


def said(ticket: Ticket, event: Event) -> str:
    """What is told of an event that led to ``ticket``: the past tense after ``ticket.``."""
    if isinstance(event, Failed | Lost):
        return _ENDED_AS.get(ticket.status, "retrying")
    if isinstance(event, Finished):
        return "compensated" if ticket.status is S.COMPENSATED else "completed"
    if isinstance(event, CancelAsked | Returned) and ticket.status is S.CANCELLED:
        return "cancelled"
    if isinstance(event, CancelAsked):
        return "cancelling"
    if isinstance(event, Released | Begun | Revived):
        return "ready" if ticket.status is S.READY else _SAID[type(event)]
    return _SAID[type(event)]


_ENDED_AS: Final = {S.FAILED: "failed", S.DEAD: "dead_lettered", S.CANCELLED: "cancelled"}
_SAID: Final[dict[type[Event], str]] = {
    Begun: "begun",
    Met: "ready",
    Leased: "leased",
    Started: "started",
    Returned: "returned",
    Due: "ready",
    NotStarted: "failed",
    Held: "blocked",
    Released: "unblocked",
    Stopped: "cancelled",
    Skipped: "skipped",
    UndoAsked: "compensating",
    Revived: "revived",
}


def _after(ticket: Ticket, event: Event, now: float) -> Ticket:  # noqa: C901, PLR0911, PLR0912 - a line for each edge
    match ticket.status, event:
        case S.PENDING, Begun():
            return _become(ticket, _S_OF[ticket.pending_deps == 0], now)
        case S.WAITING, Met() if ticket.pending_deps == 0:
            return _become(ticket, S.READY, now)
        case S.READY, Leased():
            return _leased(ticket, event, S.LEASED)
        case S.COMPENSATING, Leased() if ticket.lease_token is None:
            return _leased(ticket, event, S.COMPENSATING)
        case S.LEASED, Started(until=until):
            return _started(ticket, S.RUNNING, until, now)
        case S.COMPENSATING, Started(until=until) if ticket.lease_token is not None and not ticket.begun:
            return _started(ticket, S.COMPENSATING, until, now)
        case S.CANCELLING, Started():
            raise IllegalTransition("the ticket is being cancelled", hint="stop; nothing was begun")
        case ((S.RUNNING | S.CANCELLING), Finished()) if ticket.begun:
            # A worker that was done before it heard of the cancellation did the work: that is what happened.
            return _finished(ticket, event, S.SUCCEEDED, now)
        case S.COMPENSATING, Finished() if ticket.begun:
            return _ended(ticket, S.COMPENSATED, now)
        case ((S.LEASED | S.RUNNING | S.COMPENSATING), Failed()) if ticket.lease_token is not None:
            return _failed(ticket, event, now)
        case ((S.LEASED | S.RUNNING | S.COMPENSATING), Lost()) if ticket.lease_token is not None:
            return _lost(ticket, event, now)
        case S.RUNNING, Returned():
            return _become(ticket, S.READY, now, **_NO_LEASE)
        case S.CANCELLING, (Failed() | Lost() | Stopped() | Returned()):
            return _ended(ticket, S.CANCELLED, now)
        case S.RETRYING, Due():
            return _become(ticket, S.READY, now, not_before=None)
        case S.COMPENSATING, Due():
            return but(ticket, not_before=None, ready_at=now)
        case S.READY, NotStarted():
            return _ended(ticket, S.FAILED, now, code="schedule_to_start_timeout", message="no worker took it in time")
        case _:
            return _moved_by_others(ticket, event, now)


def _moved_by_others(ticket: Ticket, event: Event, now: float) -> Ticket:  # noqa: PLR0911 - as above
    match ticket.status, event:
        case ((S.PENDING | S.WAITING | S.READY | S.RETRYING), Held(reason=reason, code=code)):
            held: dict[str, Any] = {
                "held_from": ticket.status.value,
                "error_code": code,
                "error_message": reason[:1024],
            }
            return but(ticket, status=S.FROZEN, **held)
        case S.FROZEN, Released():
            back = S(ticket.held_from or S.READY)
            # What it waited for may have happened meanwhile.
            back = S.READY if back is S.WAITING and ticket.pending_deps == 0 else back
            return _become(ticket, back, now, held_from=None, error_code="", error_message="")
        case ((S.LEASED | S.RUNNING), CancelAsked(by=by, code=code, message=message)):
            asked: dict[str, Any] = {
                "cancel_requested": True,
                "cancel_by": by,
                "error_code": code,
                "error_message": message,
            }
            return but(ticket, status=S.CANCELLING, **asked)
        case ((S.PENDING | S.WAITING | S.READY | S.RETRYING | S.FROZEN), CancelAsked(code=code, message=message)):
            return _ended(ticket, S.CANCELLED, now, code=code, message=message)
        case ((S.PENDING | S.WAITING | S.READY | S.RETRYING | S.FROZEN), Skipped(message=message)):
            return _ended(ticket, S.SKIPPED, now, code="upstream_failed", message=message)
        case S.SUCCEEDED, UndoAsked():
            budget: dict[str, Any] = {"retry_count": 0, "losses": 0, "attempt": ticket.attempt, "ready_at": now}
            return but(ticket, status=S.COMPENSATING, **budget)
        case ((S.FAILED | S.DEAD | S.CANCELLED | S.SKIPPED), Revived(pending=pending)):
            return _revived(ticket, pending, now)
        case _:
            raise IllegalTransition(
                f"{type(event).__name__} cannot happen to a ticket that is {ticket.status}",
                values={"state": ticket.status.value},
            )


_S_OF: Final = {True: S.READY, False: S.WAITING}
_NO_LEASE: Final[dict[str, Any]] = {"lease_token": None, "lease_until": None, "begun": False, "begun_at": None}


def _become(ticket: Ticket, status: S, now: float, **changes: Any) -> Ticket:
    if status is S.READY:
        changes.setdefault("ready_at", now)
    return but(ticket, status=status, **changes)


def _leased(ticket: Ticket, event: Leased, status: S) -> Ticket:
    return but(
        ticket,
        status=status,
        attempt=ticket.attempt + 1,
        allocated_agent_id=event.worker,
        lease_token=event.token,
        lease_until=event.until,
        begun=False,
        begun_at=None,
        not_before=None,
    )


def _started(ticket: Ticket, status: S, until: float, now: float) -> Ticket:
    first = ticket.started_at if ticket.started_at is not None else now
    return but(ticket, status=status, begun=True, begun_at=now, started_at=first, lease_until=until)


def _finished(ticket: Ticket, event: Finished, status: S, now: float) -> Ticket:
    began = ticket.begun_at if ticket.begun_at is not None else now
    # Who began together with others waited for them first.
    took = now - began if event.seconds is None else min(event.seconds, now - began)
    done = _ended(ticket, status, now)
    return but(
        done,
        result=event.result,
        result_uri=event.uri,
        result_sha256=event.sha256,
        result_bytes=event.size,
        artefacts=event.artefacts,
        actual_duration_ms=max(0, round(took * 1000)),
        progress=1.0,
        error_code="",
        error_message="",
    )


def _failed(ticket: Ticket, event: Failed, now: float) -> Ticket:
    told = {"code": event.code, "message": event.message}
    undoing = ticket.status is S.COMPENSATING
    if not event.retryable or event.code in ticket.non_retryable or _may_not_repeat(ticket):
        return _ended(ticket, S.DEAD if undoing else S.FAILED, now, **told)
    if ticket.retry_count >= ticket.sla_max_retries:
        return _ended(ticket, S.DEAD, now, **told)
    return _again(ticket, now + event.delay, told, retry_count=ticket.retry_count + 1)


def _lost(ticket: Ticket, event: Lost, now: float) -> Ticket:
    if _may_not_repeat(ticket):
        message = f"{event.message or event.code}; what it did is not known, and it must not be done twice"
        return _ended(
            ticket,
            S.DEAD if ticket.status is S.COMPENSATING else S.FAILED,
            now,
            code=LOST_AFTER_START,
            message=message,
        )
    if ticket.losses >= MOST_LOSSES:
        message = f"{ticket.losses + 1} workers were lost with it; the last: {event.message or event.code}"
        return _ended(ticket, S.DEAD, now, code=WORKERS_LOST, message=message)
    told = {"code": event.code, "message": event.message}
    return _again(ticket, now + event.delay, told, losses=ticket.losses + 1)


def _may_not_repeat(ticket: Ticket) -> bool:
    """Whether the attempt has begun something that must not be begun twice."""
    return ticket.begun and (not ticket.idempotent or ticket.qos_delivery_mode == DeliveryMode.AT_MOST_ONCE)


def _again(ticket: Ticket, at: float, told: dict[str, str], **counted: int) -> Ticket:
    status = ticket.status if ticket.status is S.COMPENSATING else S.RETRYING
    changes = _NO_LEASE | {"error_code": told["code"], "error_message": told["message"][:1024], "not_before": at}
    return but(ticket, status=status, **(changes | counted))


def _ended(ticket: Ticket, status: S, now: float, *, code: str = "", message: str = "") -> Ticket:
    changes: dict[str, Any] = dict(_NO_LEASE)
    if code:
        changes |= {"error_code": code, "error_message": message[:1024]}
    return but(ticket, status=status, completed_at=now, held_from=None, not_before=None, cancel_by=None, **changes)


def _revived(ticket: Ticket, pending: int, now: float) -> Ticket:
    return _become(
        ticket,
        _S_OF[pending == 0],
        now,
        pending_deps=pending,
        retry_count=0,
        losses=0,
        error_code="",
        error_message="",
        completed_at=None,
        cancel_requested=False,
        progress=0.0,
        note="",
    )


def _timed(ticket: Ticket, now: float) -> Ticket:
    """With when it must be looked at, and whether it may be leased."""
    waits = ticket.lease_token is None and ticket.not_before is None and not ticket.parked
    queued = 1 if waits and ticket.status in (S.READY, S.COMPENSATING) else None
    return but(ticket, queued=queued, due_at=due(ticket), updated_at=now)


def due(ticket: Ticket) -> float | None:  # noqa: PLR0911 - a line for each state
    """When somebody must look at it at the latest; None: only when something happens."""
    match ticket.status:
        case S.READY if ticket.start_within_ms is not None and ticket.ready_at is not None:
            return ticket.ready_at + ticket.start_within_ms / 1000
        case S.LEASED:
            return ticket.lease_until
        case S.RUNNING | S.COMPENSATING if ticket.lease_until is not None:
            began = ticket.begun_at
            limit = began + ticket.sla_timeout_ms / 1000 if began is not None else ticket.lease_until
            return min(limit, ticket.lease_until)
        case S.CANCELLING:
            known = [at for at in (ticket.lease_until, ticket.cancel_by) if at is not None]
            return min(known) if known else ticket.updated_at
        case S.RETRYING | S.COMPENSATING:
            return ticket.not_before
        case S.FROZEN if ticket.error_code == "frozen":
            return ticket.updated_at + HELD_SECONDS
        case _:
            return None
