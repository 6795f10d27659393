"""What a worker says of attempts, in the API's words; each with the attempt's own token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from cluster_ai.compute.tickets.line import ApiAway, Line
from cluster_ai.compute.tickets.words import Errand, key_of
from cluster_ai.core.wire import View
from cluster_ai.executors.contract import Order, Reported, Result

log = structlog.get_logger(__name__)
API: Final = "/api/v1/work"
RETURN: Final = "return"
"""Verb of an attempt of which nothing was done; among several reports only."""
M = TypeVar("M", bound=BaseModel)


class Begun(View):
    """The attempt may begin."""

    order: Order
    lease_seconds: float
    token: str = ""
    """To be used from now on; empty: as before."""
    cancel: bool = False
    """It is not wanted any more: it must not begin."""
    report: Reported | None = None
    """What the pipeline that it waits for has said already."""


class _Start(View):
    """How one of several starts went; one that was refused begins nothing."""

    ticket_id: str
    attempt: int
    begun: Begun | None = None
    refused: dict[str, Any] | None = None


class _Starts(View):
    items: tuple[_Start, ...]


class _End(View):
    ticket_id: str
    attempt: int
    refused: dict[str, Any] | None = None


class _Ends(View):
    items: tuple[_End, ...]


class Answer(View):
    """To a beat. ``cancel``: end it. ``report``: what the pipeline that it waits for has said."""

    cancel: bool = False
    token: str = ""
    report: Reported | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How an attempt ended, in the words of the API."""

    ticket_id: str
    attempt: int
    verb: str
    body: dict[str, Any]


class Office:
    """Every method raises ``ApiAway`` when the API cannot answer, and another ``ClusterError`` when it refuses."""

    def __init__(self, line: Line, worker: str) -> None:
        self._line = line
        self._worker = worker

    def start(self, errand: Errand, life: str) -> Begun:
        """Whether the attempt still counts and nobody has begun it; ``life`` tells this process from the next."""
        body = {"attempt": errand.attempt, "worker": self._worker, "life": life}
        return _as(Begun, self._post(errand.ticket_id, "start", body, errand.token))

    def start_many(self, errands: Sequence[Errand], life: str) -> dict[str, Begun]:
        """By key of the attempt: those that may begin."""
        items = [{"ticket_id": one.ticket_id, "attempt": one.attempt, "token": one.token} for one in errands]
        said = {"worker": self._worker, "life": life, "items": items}
        answered = _as(_Starts, self._line.post(f"{API}/batch/start", said))
        for one in answered.items:
            if one.begun is None:
                log.info("an attempt may not begin", ticket=one.ticket_id, attempt=one.attempt, **_why(one.refused))
        return {key_of(one.ticket_id, one.attempt): one.begun for one in answered.items if one.begun is not None}

    def beat(self, errand: Errand, token: str) -> Answer:
        """It is still being worked on."""
        return _as(Answer, self._post(errand.ticket_id, "heartbeat", {"attempt": errand.attempt}, token))

    def progress(
        self, errand: Errand, token: str, *, share: float | None, note: str, lines: Sequence[str], lost: int
    ) -> Answer:
        """How far it is, and what it wrote; ``lost``: lines that were too many."""
        body = {"attempt": errand.attempt, "progress": share, "note": note, "lines": list(lines), "lost": lost}
        return _as(Answer, self._post(errand.ticket_id, "progress", body, token))

    def report(self, report: Report, token: str) -> None:
        """How it ended; the same again changes nothing."""
        self._post(report.ticket_id, report.verb, report.body, token)

    def report_many(self, reports: Sequence[tuple[Report, str]]) -> None:
        """How several ended, each with its token; one that is refused spoils no other."""
        items = [
            {"ticket_id": one.ticket_id, "token": token, "verb": one.verb, **one.body, "attempt": one.attempt}
            for one, token in reports
        ]
        answered = _as(_Ends, self._line.post(f"{API}/batch/end", {"items": items}))
        for one in answered.items:
            if one.refused is not None:
                log.info("a report was refused", ticket=one.ticket_id, attempt=one.attempt, **_why(one.refused))

    def _post(self, ticket_id: str, verb: str, body: dict[str, Any], token: str) -> dict[str, Any]:
        return self._line.post(f"{API}/{ticket_id}/{verb}", body, token)


def report_of(errand: Errand, result: Result, seconds: float) -> Report:
    """What is sent of a result that took ``seconds`` here."""
    body: dict[str, Any] = {"attempt": errand.attempt, "seconds": round(seconds, 6)}
    if result.ok:
        body |= {"result": result.value, "artefacts": [one.model_dump(mode="json") for one in result.artefacts]}
        return Report(errand.ticket_id, errand.attempt, "complete", body)
    body |= {
        "code": result.code or "failed",
        "error": result.error,
        "retryable": result.retryable,
        "retry_after": result.retry_after,
    }
    return Report(errand.ticket_id, errand.attempt, "fail", body)


def handed_back(errand: Errand, seconds: float | None = None) -> Report:
    """What is sent of an attempt of which nothing was done. ``seconds``: that another of its kind has taken already."""
    known = {} if seconds is None else {"seconds": round(seconds, 6)}
    return Report(errand.ticket_id, errand.attempt, RETURN, {"attempt": errand.attempt} | known)


def _why(refused: dict[str, Any] | None) -> dict[str, Any]:
    return {"code": str((refused or {}).get("code", ""))}


def _as(kind: type[M], said: dict[str, Any]) -> M:
    try:
        return kind.model_validate(said)
    except ValidationError as exc:
        raise ApiAway("the API answers in words of another version", hint="update this machine, or the head") from exc
