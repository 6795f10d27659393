"""A client that asks one chat and says what it got: its tokens, whether the answer ended as it should, how long."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

Dialect = Literal["ollama", "openai"]
PATHS: dict[str, str] = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}


@dataclass
class Got:
    """Seconds from the request; ``broken``: why the answer is not whole, as the client saw it."""

    status: int = 0
    text: str = ""
    pieces: int = 0
    first: float | None = None
    seconds: float = 0.0
    silence: float = 0.0
    """The longest time without a word of it, from the request to the end; of streams alone."""
    heard: float = 0.0
    """When its last word came."""
    ended: bool = False
    broken: str = ""
    resumed: bool = False
    """Its last record says that another node went on."""
    headers: dict[str, str] = field(default_factory=dict)

    def is_good(self, text: str) -> bool:
        """HTTP 200, no error, the mark of a good end, and all of the text."""
        return self.status == 200 and not self.broken and self.ended and self.text == text


@dataclass(frozen=True)
class Door:
    """Where chats go in."""

    url: str
    dialect: Dialect
    model: str
    key: str = ""
    tokens: int | None = None
    """The longest answer wanted; None: the model decides."""

    def body(self, prompt: str, *, stream: bool) -> dict[str, Any]:
        said = {"model": self.model, "stream": stream, "messages": [{"role": "user", "content": prompt}]}
        if self.tokens is None:
            return said
        limit = {"options": {"num_predict": self.tokens}} if self.dialect == "ollama" else {"max_tokens": self.tokens}
        return said | limit

    @property
    def chat_url(self) -> str:
        return self.url + PATHS[self.dialect]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


async def ask(session: aiohttp.ClientSession, door: Door, prompt: str, *, stream: bool, limit: float = 75.0) -> Got:
    """One chat, given up after ``limit`` seconds; never raises for what the other side does."""
    got, began = Got(), time.perf_counter()
    try:
        async with asyncio.timeout(limit):
            async with session.post(
                door.chat_url, json=door.body(prompt, stream=stream), headers=door.headers
            ) as answer:
                got.status, got.headers = answer.status, {k.lower(): v for k, v in answer.headers.items()}
                await (_streamed(got, answer, began) if stream else _whole(got, answer, began))
    except TimeoutError:
        got.broken = got.broken or f"nothing for {limit:.0f} s"
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        got.broken = got.broken or f"{type(exc).__name__}: {exc}"[:200]
    got.seconds = time.perf_counter() - began
    got.silence = max(got.silence, got.seconds - got.heard)
    return got


async def _whole(got: Got, answer: aiohttp.ClientResponse, began: float) -> None:
    fields = json.loads(await answer.read())
    got.first = time.perf_counter() - began
    got.broken = _error(fields)
    choices = fields.get("choices") or [{}]
    message = fields.get("message") or choices[0].get("message") or {}
    got.text = message.get("content") or ""
    got.ended = fields.get("done") is True or bool(choices[0].get("finish_reason"))


async def _streamed(got: Got, answer: aiohttp.ClientResponse, began: float) -> None:
    async for row in answer.content:
        line = row.strip().removeprefix(b"data:").strip()
        if not line or line.startswith((b":", b"event:")):
            continue
        if line == b"[DONE]":
            got.ended = True
            continue
        fields = json.loads(line)
        got.broken = got.broken or _error(fields)
        got.resumed = got.resumed or bool((fields.get("cluster") or {}).get("resumed"))
        if piece := _piece(fields):
            now = time.perf_counter() - began
            got.silence, got.heard = max(got.silence, now - got.heard), now
            got.first = got.first or time.perf_counter() - began
            got.text += piece
            got.pieces += 1
        got.ended = got.ended or fields.get("done") is True


def _piece(fields: dict[str, Any]) -> str:
    choices = fields.get("choices") or [{}]
    message = fields.get("message") or choices[0].get("delta") or {}
    return message.get("content") or ""


def _error(fields: dict[str, Any]) -> str:
    return f"error in the answer: {fields['error']}"[:200] if fields.get("error") else ""


def session() -> aiohttp.ClientSession:
    """For any number of connections, without a limit of its own."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=aiohttp.ClientTimeout(total=None)
    )
