"""Simulated nodes as the gateway's HTTP clients see them: Ollama's answers, in virtual time, without a socket."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from yarl import URL

from benchmarks.simulator.nodes import Job, Node
from benchmarks.simulator.trace import Call

WRITE_SECONDS: Final = 1.0
"""So often what was written meanwhile leaves the node; token by token would only cost time here."""
CREATED: Final = "2026-01-01T00:00:00Z"
GIGA: Final = 1_000_000_000


class Answered:
    """An answer as the gateway's client for calls gives it. ``left`` is told when it is closed."""

    def __init__(self, left: Callable[[], None] | None = None) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": "application/x-ndjson"}
        self._left = left
        self._chunks: list[bytes] = []
        self._more = asyncio.Event()
        self._ended = False

    def put(self, chunk: bytes, *, last: bool = False) -> None:
        if chunk:
            self._chunks.append(chunk)
        self._ended = self._ended or last
        self._more.set()

    @property
    def at_end(self) -> bool:
        return self._ended and not self._chunks

    @property
    def is_ready(self) -> bool:
        return bool(self._chunks) or self._ended

    async def read_some(self) -> bytes:
        while not self._chunks and not self._ended:
            self._more.clear()
            await self._more.wait()
        chunk = b"".join(self._chunks)
        self._chunks.clear()
        return chunk

    async def read(self, most: int) -> bytes:
        del most
        return b"".join([chunk async for chunk in self.iter_any()])

    async def iter_any(self) -> AsyncIterator[bytes]:
        while chunk := await self.read_some():
            yield chunk

    def close(self) -> None:
        if self._left:
            self._left()


@dataclass
class Told:
    """A question of the probes, answered at once, as ``aiohttp`` gives it."""

    url: URL
    content: Answered
    status: int = 200

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


class Served:
    """One node that answers requests."""

    def __init__(self, node: Node, jobs: Mapping[int, Job]) -> None:
        self._node = node
        self._jobs = jobs
        self._answers: dict[Job, Answer] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loads = itertools.count(-1, -1)

    def get(self, path: str) -> dict[str, Any]:
        self.go_on()
        spec, now = self._node.spec, self._node.loaded
        match path:
            case "/api/version":
                return {"version": "0.33.0"}
            case "/api/tags":
                return {"models": [listed(model.name, model.size) for model in spec.models]}
            case "/api/ps":
                return {"models": [listed(row.model.name, row.model.size) for row in now.values()]}
        raise AssertionError(path)

    def post(self, path: str, fields: Mapping[str, Any]) -> Answered:
        """A chat, or a wish to load a model."""
        self.go_on()
        is_load = path != "/api/chat" or not fields.get("messages")
        if is_load:
            job = Job(next(self._loads), str(fields["model"]), (), 0, 0, only_load=True)
        else:
            job = self._jobs[int(fields["options"]["seed"])]
        content = Answered(lambda: self._left(job))
        self._answers[job] = Answer(job, asyncio.get_running_loop().time(), content)
        self._node.submit(job)
        self.go_on()
        return content

    def _left(self, job: Job) -> None:
        if self._answers.pop(job, None) and job.done is None:
            self.go_on()
            self._node.cancel(job)
            job.first = None
            self.go_on()

    def go_on(self) -> None:
        """Lets the node do what is due, tells those who wait, and comes back in time."""
        loop = asyncio.get_running_loop()
        self._node.advance(loop.time())
        for active in self._node.active:
            if active.writing and (answer := self._answers.get(active.job)):
                size = active.loaded.model.size / self._node.spec.decode
                answer.write(active.job.output - max(0.0, active.target - self._node.work) / size)
        for job in [job for job in self._answers if job.done is not None]:
            self._answers.pop(job).end(self._node.now)
        self._come_back(loop)

    def _come_back(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer:
            self._timer.cancel()
        at = self._node.next_event()
        if any(active.writing for active in self._node.active):
            at = min(at if at is not None else float("inf"), self._node.now + WRITE_SECONDS)
        # A moment later than due: rounding must not leave it undone.
        self._timer = None if at is None else loop.call_at(at + 1e-6, self.go_on)


@dataclass
class Answer:
    """The records of one call."""

    job: Job
    asked: float
    content: Answered
    written: int = 0

    def write(self, tokens: float) -> None:
        """So many are written by now; the first is always there as soon as it writes."""
        due = max(1, min(self.job.output, int(tokens)))
        if due > self.written:
            self.content.put(TOKEN * (due - self.written))
            self.written = due

    def end(self, now: float) -> None:
        if not self.job.only_load:
            self.write(self.job.output)
        self.content.put(self._last(now), last=True)

    def _last(self, now: float) -> bytes:
        job = self.job
        began, first = job.began or now, job.first or now
        fields = {
            "model": job.model,
            "created_at": CREATED,
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "stop",
            "load_duration": 0,
            "prompt_eval_count": job.tokens,
            "eval_count": job.output,
            "total_duration": int((now - self.asked) * GIGA),
            "prompt_eval_duration": int((first - began) * GIGA),
            "eval_duration": int((now - first) * GIGA),
        }
        return json.dumps(fields).encode() + b"\n"


TOKEN: Final = b'{"model":"m","created_at":"","message":{"role":"assistant","content":" word"},"done":false}\n'


def listed(name: str, size: float) -> dict[str, Any]:
    """A model as the node lists it."""
    bytes_ = int(size * GIGA)
    return {"name": name, "model": name, "size": bytes_, "size_vram": bytes_, "context_length": 8192, "digest": name}


class Network:
    """The simulated nodes, whose addresses are their names: what probes and calls go through."""

    def __init__(self, nodes: Sequence[Node], jobs: Mapping[int, Job]) -> None:
        self._served = {node.spec.name: Served(node, jobs) for node in nodes}

    def answer(self, url: str) -> bytes:
        address = URL(url)
        if address.path == "/api/show":
            return b'{"capabilities":["completion","tools"]}'
        return json.dumps(self._served[str(address.host)].get(address.path)).encode()

    def ask(self, url: str, fields: Mapping[str, Any]) -> Answered:
        address = URL(url)
        return self._served[str(address.host)].post(address.path, fields)


@dataclass
class Session:
    """What probes take for an HTTP client."""

    network: Network

    def get(self, url: str, **_: Any) -> Told:
        content = Answered()
        content.put(self.network.answer(url), last=True)
        return Told(URL(url), content)

    post = get


@dataclass
class Wire:
    """What calls take for the gateway's client."""

    network: Network

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        del headers
        return self.network.ask(url, json.loads(body))


def body_of(call: Call) -> bytes:
    """The request as a client writes it: equal pieces of a prompt are equal text, four bytes a token."""
    roles = itertools.cycle(("user", "assistant"))
    messages = [
        {"role": "system" if at == 0 else next(roles), "content": text_of(piece, tokens)}
        for at, (piece, tokens) in enumerate(call.job.prompt)
    ]
    # The seed tells the simulated node which call it is; engines get one, too.
    fields = {"model": call.job.model, "messages": messages, "options": {"seed": call.job.number}}
    return json.dumps(fields).encode()


def text_of(piece: int, tokens: int) -> str:
    return (f"{piece:07x} " * (tokens // 2 + 1))[: tokens * 4]
