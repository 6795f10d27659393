"""A pipeline elsewhere: started by a call, then asked how it goes, or waited for until it reports."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

import httpx2
from pydantic import Field, StringConstraints, model_validator

from cluster_ai.core import files
from cluster_ai.core.paths import PRIVATE_DIR
from cluster_ai.core.wire import StrictModel
from cluster_ai.executors.contract import REPORT, Reported
from cluster_ai.executors.kind import ExecutorSettings, Failed, Means, Order, Said

LOOK_SECONDS: Final = 1.0
"""Between two looks for a report; to look costs no more than that."""
TICKET: Final = "{ticket_id}"
MOST_ANSWER: Final = 1024**2
ANSWER_SECONDS: Final = 30.0
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@\\#]+$", max_length=2048)]
Word = Annotated[str, Field(min_length=1, max_length=100)]
_LOST: Final = 5
"""Answers that may fail one after the other before the pipeline is away."""


class Pipeline(StrictModel):
    """Where it is started, and how its end is known."""

    url: Url = Field(description="A POST here starts it; must begin with one of `[executors] ci_urls`.")
    body: dict[str, Any] = Field(
        default_factory=dict, description="What is sent, as JSON; `{ticket_id}` in it is the ticket's own."
    )
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

    Started once for each ticket: an attempt after this one goes on waiting. A run that failed is over: when somebody
    tries the ticket again, there is another.

    Raises:
        Failed: ``pipeline_failed``, ``pipeline_away`` or ``timed_out``.
    """
    memory = _Memory(folder / "kept" / "pipeline.json", order.key)
    try:
        if (report := _reported(folder)) is not None:
            # It was faster than this attempt: what has ended is not started once more.
            return _judged(report, memory.started or "")
        with httpx2.Client(trust_env=False, timeout=ANSWER_SECONDS, follow_redirects=False) as client:
            line = _Line(client, pipeline, means)
            started = _started(line, memory, order)
            said.log(f"the pipeline {started or pipeline.url} was started")
            return _awaited(line, started, order, folder, said)
    except Failed as exc:
        if exc.code == "pipeline_failed":
            memory.end()
        raise


class _Memory:
    """What was started, from one attempt to the next."""

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.started: str | None = known.get("id")
        """Its id; None: there is no run to wait for."""
        self._ended = int(known.get("ended", 0))

    @property
    def key(self) -> str:
        """Of this run for outside effects: the pipeline knows it from the one before."""
        return f"{self._key}:{self._ended + 1}" if self._ended else self._key

    def begin(self, started: str) -> None:
        self._keep(started, self._ended)

    def end(self) -> None:
        self._keep(None, self._ended + 1)

    def _keep(self, started: str | None, ended: int) -> None:
        self.started, self._ended = started, ended
        self._path.parent.mkdir(mode=PRIVATE_DIR, exist_ok=True)
        # Whole, or a worker that is killed here leaves a note that stops every attempt after this one.
        files.replace(self._path, json.dumps({"id": started, "ended": ended}))


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


def _started(line: _Line, memory: _Memory, order: Order) -> str:
    """Its id; what an attempt before has started is not started again."""
    if memory.started is not None:
        return memory.started
    # An id has no letter that JSON would write in another way.
    body = json.loads(json.dumps(line.pipeline.body).replace(TICKET, order.ticket_id))
    answer = line.call("POST", line.pipeline.url, body=body, key=memory.key)
    found = field(answer, line.pipeline.id_field)
    started = "" if found is None else str(found)
    if line.pipeline.status_url and "{id}" in line.pipeline.status_url and not started:
        raise Failed("pipeline_away", f"the start's answer has no {line.pipeline.id_field}")
    memory.begin(started)
    return started


def _awaited(line: _Line, started: str, order: Order, folder: Path, said: Said) -> dict[str, Any]:
    pipeline, asking = line.pipeline, _Asking(line, started)
    waited = ask_at = 0.0
    while waited < order.limits.seconds:
        if (report := _reported(folder)) is not None:
            return _judged(report, started)
        if waited >= ask_at:
            status, answer = asking.ask()
            if status.lower() in pipeline.succeeded:
                return {"status": status, "id": started, "answer": answer}
            if status.lower() in pipeline.failed:
                raise Failed("pipeline_failed", f"it ended with {status}", value={"id": started, "answer": answer})
            said.progress(min(0.99, waited / order.limits.seconds), status or "no word yet")
            ask_at = waited + pipeline.every_seconds
        pause = min(LOOK_SECONDS, ask_at - waited)
        line.stop.wait(pause)
        line.stop.check()
        waited += pause
    raise Failed("timed_out", f"the pipeline was not done within {order.limits.seconds:g} s")


class _Asking:
    """Asks how it goes, and bears for a while that nobody answers."""

    def __init__(self, line: _Line, started: str) -> None:
        self._line = line
        self._started = started
        self._lost = 0

    def ask(self) -> tuple[str, Any]:
        """Its status and all of the answer; nothing where it reports, or is away just now.

        Raises:
            Failed: ``pipeline_away``, for the fifth time in a row; ``pipeline_failed``, its id is none.
        """
        url = self._line.pipeline.status_url
        if url is None:
            return "", {}
        if "{id}" in url:
            url = url.replace("{id}", _plain(self._started))
        try:
            answer = self._line.call("GET", url)
        except Failed:
            self._lost += 1
            if self._lost >= _LOST:
                raise
            return "", {}
        self._lost = 0
        return str(field(answer, self._line.pipeline.status_field) or ""), answer


def _reported(folder: Path) -> Reported | None:
    try:
        text = (folder / REPORT).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return Reported.model_validate_json(text)


def _judged(report: Reported, started: str) -> dict[str, Any]:
    """What came of it, as it said itself.

    Raises:
        Failed: ``pipeline_failed``.
    """
    value = {"id": started, "answer": report.model_dump()}
    if report.succeeded:
        return {"status": "succeeded", **value}
    where = f" ({report.url})" if report.url else ""
    raise Failed("pipeline_failed", f"{report.detail or 'it reported a failure'}{where}", value=value)


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
