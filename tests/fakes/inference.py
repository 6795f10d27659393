"""One inference request on one fake node, with every fault that its knobs ask for."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.fakes.ask import Ask
from tests.fakes.dialects import Dialect, Ending, dialect, malformed
from tests.fakes.knobs import Counters, Cut, Knobs, Request
from tests.fakes.places import Places
from tests.fakes.text import answer
from tests.fakes.wire import LAST_CHUNK, Connection, chunk, head


class Dies(Exception):
    """The node ends the connection in this way, now."""

    def __init__(self, how: Cut) -> None:
        super().__init__(how)
        self.how = how


class Owner(Protocol):
    """What an inference needs of its node."""

    counters: Counters
    places: Places

    async def thawed(self) -> None:
        """Returns when the node is not frozen."""


@dataclass
class Inference:
    """Generates an answer and sends it. ``knobs`` are those at the start; pace and freezing follow the node live."""

    node: Owner
    knobs: Knobs
    connection: Connection
    ask: Ask
    record: Request
    began: float = field(default_factory=time.monotonic)
    loaded_after: float = 0.0

    @property
    def shape(self) -> Dialect:
        return dialect(self.ask, self.knobs.wrong_model or self.ask.model, self.knobs.pad)

    async def run(self) -> None:
        """Queue, load, generate, send.

        Raises:
            Busy: the queue is full. Dies: a fault cuts the connection. Gone: the client left while writing.
        """
        async with self.node.places.slot(), self.node.places.model(self.ask.model, self.ask.keep_alive):
            self.loaded_after = time.monotonic() - self.began
            if not self.ask.prompt:
                await self.send_whole((), "load")
                return
            await asyncio.sleep(self.knobs.ttft)
            tokens, reason = self.tokens()
            if self.ask.stream:
                await self.stream(tokens, reason)
            else:
                async for _ in self.paced(tokens):
                    pass
                await self.send_whole(tokens, reason)

    def tokens(self) -> tuple[Sequence[str], str]:
        """The answer and why it ends."""
        if self.knobs.tool_calls and self.ask.tool:
            return (), "tool_calls"
        ask = self.ask
        said = answer(ask.model, ask.seed, ask.prompt, count=self.knobs.answer_tokens, as_json=ask.as_json)
        if ask.limit is not None and ask.limit < len(said):
            return said[: ask.limit], "length"
        return said, "stop"

    async def paced(self, tokens: Sequence[str]) -> AsyncIterator[tuple[int, str]]:
        """Tokens at the node's rate, with no drift; dies or falls silent where a fault says so."""
        due = time.monotonic()
        for number, token in enumerate(tokens):
            rate = self.node.places.knobs().rate
            if rate and number:
                due = max(due + 1 / rate, time.monotonic() - 1 / rate)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self.node.thawed()
            self.die_at(number)
            self.record.tokens += 1
            self.node.counters.tokens += 1
            yield number, token
        self.die_at(len(tokens))

    def die_at(self, number: int) -> None:
        if self.knobs.die_after == number:
            raise Dies(self.knobs.die_how)

    async def stream(self, tokens: Sequence[str], reason: str) -> None:
        headers = {"Content-Type": self.shape.content_type, "Transfer-Encoding": "chunked"}
        if self.knobs.close_after:
            headers["Connection"] = "close"
        await self.connection.write(head(200, headers))
        if reason == "tool_calls":
            await self.send(self.shape.call())
        failed = await self.send_tokens(tokens)
        if not failed:
            await self.send(self.last_records(self.ending(reason)))
        await self.connection.write(LAST_CHUNK)

    async def send_tokens(self, tokens: Sequence[str]) -> bool:
        """True when an error record ended the answer."""
        held = b""
        async for number, token in self.paced(tokens):
            held += self.odd_records(number)
            if self.knobs.error_after == number:
                await self.send(held + self.shape.failure("the runner has stopped"))
                return True
            held += self.shape.token(token) * (2 if self.knobs.duplicate_at == number else 1)
            # A fault at the next token must find this one sent.
            if (number + 1) % self.knobs.batch == 0 or self.knobs.die_after == number + 1:
                await self.send(held)
                held = b""
        await self.send(held)
        return False

    def odd_records(self, number: int) -> bytes:
        return malformed(self.shape, self.knobs.malformed) if self.knobs.malformed_at == number else b""

    def last_records(self, ending: Ending) -> bytes:
        if self.knobs.no_done:
            return b""
        return self.shape.ending(ending) * (2 if self.knobs.duplicate_done else 1)

    async def send(self, data: bytes) -> None:
        if data:
            self.record.first_byte = self.record.first_byte or time.monotonic()
            await self.node.thawed()
            await self.connection.write(chunk(data))

    def ending(self, reason: str) -> Ending:
        prompt = sum(len(content.split()) for _, content in self.ask.prompt)
        total = int((time.monotonic() - self.began) * 1e9)
        return Ending(reason, prompt, self.record.tokens, total, int(self.loaded_after * 1e9))

    async def send_whole(self, tokens: Sequence[str], reason: str) -> None:
        body = self.shape.whole(tokens, self.ending(reason))
        if self.knobs.malformed_at is not None:
            body = malformed(self.shape, self.knobs.malformed)
        await self.node.thawed()
        self.record.first_byte = time.monotonic()
        await send_body(self.connection, self.knobs, 200, body)


async def send_body(connection: Connection, knobs: Knobs, status: int, body: bytes, *, head_only: bool = False) -> None:
    """An answer of one piece; its Content-Length lies when the knobs say so.

    Raises:
        Dies: the connection cannot go on after a lie.
    """
    said = {"long": len(body) + 100, "short": max(0, len(body) - 5)}.get(knobs.length or "", len(body))
    headers = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(said)}
    if knobs.length == "none":
        del headers["Content-Length"]
        headers["Connection"] = "close"
    if knobs.close_after:
        headers["Connection"] = "close"
    if status == 503 and knobs.retry_after is not None:
        headers["Retry-After"] = str(knobs.retry_after)
    await connection.write(head(status, headers) + (b"" if head_only else body))
    if knobs.length:
        raise Dies("fin")
