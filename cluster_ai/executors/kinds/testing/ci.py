"""A pipeline elsewhere: started by a call, then asked how it goes, or waited for until it reports."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

import httpx2
from pydantic import Field, StringConstraints, model_validator

from cluster_ai.core.wire import StrictModel
from cluster_ai.executors.contract import Order, Said
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.means import Means
from cluster_ai.executors.types import ExecutorSettings

REPORT: Final = "reported.json"
"""Written into the ticket's folder, whole, by whoever takes the pipeline's webhook."""
MOST_ANSWER: Final = 1024**2
ANSWER_SECONDS: Final = 30.0
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@\\#]+$", max_length=2048)]
Word = Annotated[str, Field(min_length=1, max_length=100)]
_LOST: Final = 5
"""Answers that may fail one after the other before the pipeline is away."""


class Pipeline(StrictModel):
    """Where it is started, and how its end is known."""

    url: Url = Field(description="A POST here starts it; must begin with one of `[executors] ci_urls`.")
    body: dict[str, Any] = Field(default_factory=dict, description="What is sent, as JSON.")
    status_url: Url | None = Field(
        default=None,
        description="Asked how it goes; `{id}` is what the start answered in `id_field`. None: it reports.",
    )
    id_field: Word = Field(default="id", description="Field of the start's answer, dotted.")
    status_field: Word = Field(default="status", description="Field of the status, dotted.")
    succeeded: tuple[Word, ...] = Field(
        default=("success", "succeeded", "passed"), description="Statuses of a success."
    )
    failed: tuple[Word, ...] = Field(
        default=("failure", "failed", "error", "canceled", "cancelled"), description="... of a failure."
    )
    every_seconds: Annotated[float, Field(ge=0.05, le=600)] = Field(
        default=10.0, description="Pause between two looks."
    )

    @model_validator(mode="after")
    def _stays_with_one_host(self) -> Self:
        if self.status_url is not None and _origin(self.status_url) != _origin(self.url):
            raise ValueError("status_url must be of the same host as url")
        return self


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def refused(pipeline: Pipeline, settings: ExecutorSettings) -> list[str]:
    """Addresses that this machine does not grant."""
    wanted = [pipeline.url, *([pipeline.status_url] if pipeline.status_url else [])]
    return [url for url in wanted if _granting(url, settings) is None]


def _granting(url: str, settings: ExecutorSettings) -> str | None:
    if "/../" in url or "/./" in url or "%2e" in url.lower():
        return None
    return max((prefix for prefix in settings.ci_urls if url.startswith(prefix)), key=len, default=None)


def follow(pipeline: Pipeline, order: Order, folder: Path, *, means: Means, said: Said) -> dict[str, Any]:
    """Starts it and waits for its end; what it said last.

    Started once for each ticket: an attempt after this one goes on waiting.

    Raises:
        Failed: ``pipeline_failed``, ``pipeline_away`` or ``timed_out``.
    """
    with httpx2.Client(trust_env=False, timeout=ANSWER_SECONDS, follow_redirects=False) as client:
        line = _Line(client, pipeline, means)
        started = _started(line, order, folder)
        said.log(f"the pipeline {started or pipeline.url} was started")
        return _awaited(line, started, order, folder, said)


class _Line:
    """Calls to the pipeline, with the token that the machine keeps for it."""

    def __init__(self, client: httpx2.Client, pipeline: Pipeline, means: Means) -> None:
        self.pipeline = pipeline
        self.stop = means.stop
        self._client = client
        self._settings = means.settings

    def call(self, method: str, url: str, *, body: Any = None, key: str = "") -> Any:
        """What it answers.

        Raises:
            Failed: ``pipeline_away``.
        """
        try:
            response = self.stop.during(
                lambda: self._client.request(method, url, json=body, headers=self._headers(url, key))
            )
        except httpx2.TransportError as exc:
            raise Failed("pipeline_away", f"{_origin(url)}: {exc}") from exc
        if not response.is_success:
            raise Failed("pipeline_away", f"{_origin(url)} answered {response.status_code}")
        try:
            return json.loads(response.content[:MOST_ANSWER]) if response.content else {}
        except ValueError as exc:
            raise Failed("pipeline_away", f"{_origin(url)} answered no JSON") from exc

    def _headers(self, url: str, key: str) -> dict[str, str]:
        found = {"idempotency-key": key} if key else {}
        prefix = _granting(url, self._settings)
        token = self._settings.ci_urls[prefix] if prefix is not None else None
        if token is not None:
            found["authorization"] = f"Bearer {token.read_text(encoding='utf-8').strip()}"
        return found


def _started(line: _Line, order: Order, folder: Path) -> str:
    """Its id; what an attempt before has started is not started again."""
    memory = folder / "kept" / "pipeline.json"
    if memory.exists():
        return str(json.loads(memory.read_text(encoding="utf-8"))["id"])
    answer = line.call("POST", line.pipeline.url, body=line.pipeline.body, key=order.key)
    found = field(answer, line.pipeline.id_field)
    started = "" if found is None else str(found)
    if line.pipeline.status_url and "{id}" in line.pipeline.status_url and not started:
        raise Failed("pipeline_away", f"the start's answer has no {line.pipeline.id_field}")
    memory.write_text(json.dumps({"id": started}), encoding="utf-8")
    return started


def _awaited(line: _Line, started: str, order: Order, folder: Path, said: Said) -> dict[str, Any]:
    pipeline = line.pipeline
    waited, lost = 0.0, 0
    while waited < order.limits.seconds:
        try:
            answer = _state(line, started, folder)
            lost = 0
        except Failed:
            lost += 1
            if lost >= _LOST:
                raise
            answer = {}
        status = str(field(answer, pipeline.status_field) or "")
        if status.lower() in pipeline.succeeded:
            return {"status": status, "id": started, "answer": answer}
        if status.lower() in pipeline.failed:
            raise Failed("pipeline_failed", f"it ended with {status}", value={"id": started, "answer": answer})
        said.progress(min(0.99, waited / order.limits.seconds), status or "no word yet")
        line.stop.wait(pipeline.every_seconds)
        line.stop.check()
        waited += pipeline.every_seconds
    raise Failed("timed_out", f"the pipeline was not done within {order.limits.seconds:g} s")


def _state(line: _Line, started: str, folder: Path) -> Any:
    report = folder / REPORT
    if report.exists():
        return json.loads(report.read_text(encoding="utf-8"))
    if line.pipeline.status_url is None:
        return {}
    return line.call("GET", line.pipeline.status_url.replace("{id}", _plain(started)))


def _plain(text: str) -> str:
    """An id that cannot lead elsewhere on that host."""
    if not text or not all(letter.isalnum() or letter in "-_" for letter in text):
        raise Failed("pipeline_failed", f"{text[:80]!r} is no id that could stand in an address")
    return text


def field(answer: Any, dotted: str) -> Any:
    """``a.b`` of nested objects; ``None`` when it is not there."""
    for part in dotted.split("."):
        answer = answer.get(part) if isinstance(answer, Mapping) else None
    return answer
