"""Asks a model one prompt through the gateway, in a worker process."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    prompt: str = ""
    system: str = ""
    messages: Sequence[Mapping[str, Any]] = ()
    """A chat that goes before ``prompt``, when there is one."""
    texts: Sequence[str] = ()
    """To be embedded; then nothing is said."""
    format: Any = None
    """``"json"`` or a JSON schema that the answer must follow."""
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
    prompt_tokens: int = 0
    completion_tokens: int = 0
    vectors: Sequence[Sequence[float]] = ()


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time, as it comes in: tests need not wait for it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], float] = time.time


def new_client(key: str = "") -> httpx2.Client:
    """For ``ask``; may be shared by threads, so that connections are used again. No proxy of the environment.

    ``key``: shown to the gateway, where there is one.
    """
    return httpx2.Client(
        trust_env=False,
        headers={"authorization": f"Bearer {key}"} if key else {},
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
    )


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
        path, body = _call(request)
        response = client.post(f"{request.gateway.rstrip('/')}{path}", json=body, timeout=timeout)
    except httpx2.TransportError as exc:
        return Reply(Outcome.AWAY, f"{type(exc).__name__}: {exc}"), 0.0
    node, seconds = response.headers.get("x-cluster-node", ""), clocks.now() - started
    if response.is_success:
        reply = (_vectors if request.texts else _answer)(response)
        return replace(reply, node=node, seconds=seconds), 0.0
    outcome = Outcome.AWAY if response.status_code in RETRIED else Outcome.REFUSED
    wanted = retry_after(response.headers.get("retry-after"), now=clocks.wall())
    return Reply(outcome, complaint(response), node, seconds), wanted


def _call(request: Ask) -> tuple[str, dict[str, Any]]:
    """Path and body in Ollama's dialect."""
    body: dict[str, Any] = {"model": request.model, "options": dict(request.options)}
    if request.texts:
        return "/api/embed", {**body, "input": list(request.texts)}
    system = [{"role": "system", "content": request.system}] if request.system else []
    last = [{"role": "user", "content": request.prompt}] if request.prompt or not request.messages else []
    form = {"format": request.format} if request.format is not None else {}
    return "/api/chat", {**body, "messages": [*system, *request.messages, *last], "stream": False, **form}


def _answer(response: httpx2.Response) -> Reply:
    try:
        said = response.json()
        text = said["message"]["content"]
        whole = said["done"] is True
    except (ValueError, KeyError, TypeError):
        text, whole = None, False
    if isinstance(text, str) and whole:
        tokens = _count(said, "prompt_eval_count"), _count(said, "eval_count")
        return Reply(Outcome.ANSWERED, text, prompt_tokens=tokens[0], completion_tokens=tokens[1])
    # A node died half-way, or what listens there is no gateway.
    return Reply(Outcome.AWAY, f"the answer is not a whole message: {response.text[:200]!r}")


def _vectors(response: httpx2.Response) -> Reply:
    try:
        said = response.json()
        vectors = [[float(number) for number in vector] for vector in said["embeddings"]]
    except (ValueError, KeyError, TypeError):
        return Reply(Outcome.AWAY, f"the answer holds no embeddings: {response.text[:200]!r}")
    return Reply(Outcome.ANSWERED, "", prompt_tokens=_count(said, "prompt_eval_count"), vectors=vectors)


def _count(said: Any, name: str) -> int:
    """A count of tokens; 0 when the node does not tell."""
    found = said.get(name, 0)
    return found if isinstance(found, int) else 0


def complaint(response: httpx2.Response) -> str:
    """An error answer in a few words: its status and what it says."""
    try:
        said = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = response.text[:200]
    return f"{response.status_code}: {said}"
