"""Asks a model one prompt through the gateway, in a worker process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import httpx2

Option = str | int | float | bool
RETRIED = frozenset({404, 408, 425, 429, 500, 502, 503, 504})
"""Statuses that may pass: 404, too, while the only node that has the model starts again."""
LONGEST_PAUSE = 30.0
CONNECT_SECONDS = 5.0


class Outcome(StrEnum):
    ANSWERED = "answered"
    REFUSED = "refused"
    """This prompt will never be answered: asking again is of no use."""
    AWAY = "away"
    """Nobody could answer in time: the prompt may be as good as any."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One prompt. ``seconds`` is the time limit with all tries."""

    gateway: str
    model: str
    prompt: str
    system: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    tries: int = 5
    seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Reply:
    """How it ended. ``text`` is the answer, or the reason when there is none; ``seconds`` of the last try."""

    outcome: Outcome
    text: str
    node: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time, as it comes in: tests need not wait for it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], float] = time.time


def new_client() -> httpx2.Client:
    """For ``ask``; may be shared by threads, so that connections are used again. No proxy of the environment."""
    return httpx2.Client(trust_env=False, limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64))


def ask(request: Ask, client: httpx2.Client, *, clocks: Clocks | None = None) -> Reply:
    """Sends the prompt, again after a pause when the gateway or the nodes behind it are away."""
    clocks = clocks or Clocks()
    end = clocks.now() + request.seconds
    tried = 0
    while True:
        reply, wanted = _try(request, client, end=end, clocks=clocks)
        tried += 1
        pause = max(wanted, backoff(tried))
        if reply.outcome is not Outcome.AWAY or tried >= request.tries or clocks.now() + pause >= end:
            return reply
        clocks.sleep(pause)


def backoff(tried: int) -> float:
    """Seconds before the next try: 0.25, 0.5, 1, ... at most 30. The gateway spreads callers, so no jitter."""
    return float(min(LONGEST_PAUSE, 0.25 * 2 ** (tried - 1)))


def retry_after(value: str | None, *, now: float) -> float:
    """Seconds in a ``Retry-After`` header (RFC 9110 section 10.2.3), 0 when there is none, at most 30."""
    if not value:
        return 0.0
    try:
        seconds = float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - now
    except ValueError:
        return 0.0
    return min(LONGEST_PAUSE, max(0.0, seconds))


def _try(request: Ask, client: httpx2.Client, *, end: float, clocks: Clocks) -> tuple[Reply, float]:
    """One request, and the pause that the server asked for."""
    started = clocks.now()
    timeout = httpx2.Timeout(max(0.1, end - started), connect=CONNECT_SECONDS)
    try:
        response = client.post(f"{request.gateway.rstrip('/')}/api/chat", json=_body(request), timeout=timeout)
    except httpx2.TransportError as exc:
        return Reply(Outcome.AWAY, f"{type(exc).__name__}: {exc}"), 0.0
    node, seconds = response.headers.get("x-cluster-node", ""), clocks.now() - started
    if response.is_success:
        return _answer(response, node, seconds), 0.0
    outcome = Outcome.AWAY if response.status_code in RETRIED else Outcome.REFUSED
    wanted = retry_after(response.headers.get("retry-after"), now=clocks.wall())
    return Reply(outcome, complaint(response), node, seconds), wanted


def _body(request: Ask) -> dict[str, Any]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    messages = [*system, {"role": "user", "content": request.prompt}]
    return {"model": request.model, "messages": messages, "options": dict(request.options), "stream": False}


def _answer(response: httpx2.Response, node: str, seconds: float) -> Reply:
    try:
        said = response.json()
        text = said["message"]["content"]
        whole = said["done"] is True
    except (ValueError, KeyError, TypeError):
        text, whole = None, False
    if isinstance(text, str) and whole:
        return Reply(Outcome.ANSWERED, text, node, seconds)
    # A node died half-way, or what listens there is no gateway.
    return Reply(Outcome.AWAY, f"the answer is not a whole message: {response.text[:200]!r}", node, seconds)


def complaint(response: httpx2.Response) -> str:
    """An error answer in a few words: its status and what it says."""
    try:
        said = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = response.text[:200]
    return f"{response.status_code}: {said}"
