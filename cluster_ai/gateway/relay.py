"""Sends a call to the best node, and to the next one when that fails before its first byte; each is settled once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
import structlog

from cluster_ai.core.clock import Clock
from cluster_ai.core.errors import NotFound, Unavailable
from cluster_ai.gateway.decisions import KEPT, Decision
from cluster_ai.gateway.dialects import Call, is_complete, is_whole, keep_tail, tells_error, usage
from cluster_ai.gateway.reasons import reason_of
from cluster_ai.gateway.routing import Choice, Scorer, by_load, rank
from cluster_ai.gateway.types import GatewaySettings, Totals
from cluster_ai.gateway.upstreams import Pool, Upstream, chance

log = structlog.get_logger(__name__)

TRIES: Final = 3
_NOT_FOUND: Final = 404
_BUSY: Final = 503
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_LISTED: Final = 8


class UnknownModel(NotFound):
    """No node of this cluster has the model."""

    code = "model_not_found"


class NoNode(Unavailable):
    """No node that has the model can be asked now."""

    code = "no_node"


class Broken(Exception):
    """A node's answer stopped before its end."""


class TryNext(Exception):
    """This node gives no answer to this call. ``blame``: whether that is its fault."""

    def __init__(self, reason: str, *, blame: bool) -> None:
        super().__init__(reason)
        self.blame = blame


@dataclass(slots=True)
class Reply:
    """A node's answer whose first byte is there."""

    upstream: Upstream
    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    """All of it, the first chunk included. Raises ``Broken``."""
    why: str
    attempts: int


@dataclass(slots=True)
class Counters:
    """Since the gateway started; they only grow."""

    requests: int = 0
    errors: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    inflight: int = 0

    def totals(self) -> Totals:
        return Totals(
            requests=self.requests,
            errors=self.errors,
            cancelled=self.cancelled,
            prompt_tokens=self.prompt_tokens,
            output_tokens=self.output_tokens,
        )


@dataclass(slots=True)
class _Opened:
    response: aiohttp.ClientResponse
    first: bytes


class Relay:
    """``session`` opens a fresh connection for each call.

    A node that closes an idle one answers nothing on it, and nobody could tell that from a node that dies.
    """

    def __init__(
        self, pool: Pool, session: aiohttp.ClientSession, settings: GatewaySettings, *, clock: Clock,
        scorer: Scorer = by_load,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._session = session
        self._settings = settings
        self._clock = clock
        self._scorer = scorer
        self.counters = Counters()
        self.decisions: deque[Decision] = deque(maxlen=KEPT)

    @asynccontextmanager
    async def send(self, call: Call) -> AsyncIterator[Reply]:
        """The first node to answer. Its stream, slot and breaker are settled on exit.

        Raises:
            UnknownModel: no node has the model.
            NoNode: none that has it gave an answer.
        """
        self.counters.requests += 1
        self.counters.inflight += 1
        try:
            async with asyncio.timeout(self._settings.total_seconds), AsyncExitStack() as stack:
                yield await self._first_answer(call, stack)
        except UnknownModel:
            raise
        except (NoNode, Broken, TimeoutError):
            self.counters.errors += 1
            raise
        except BaseException:
            # Only the client's leaving, or our own stop, ends the block like this.
            self.counters.cancelled += 1
            raise
        finally:
            self.counters.inflight -= 1

    async def _first_answer(self, call: Call, stack: AsyncExitStack) -> Reply:
        choices = self._choices(call.model)
        decision = Decision(self._clock(), call.model, [choice for choice, _ in choices])
        self.decisions.append(decision)
        tried, attempts = decision.tried, 0
        for place, (choice, upstream) in enumerate(choices, 1):
            # The last that has the model is asked even when its breaker is open: there is nothing to lose.
            last = place == len(choices)
            if not upstream.breaker.admit(self._clock()) and not last:
                tried[upstream.name] = "left alone after failures"
                continue
            attempts += 1
            try:
                opened = await stack.enter_async_context(self._attempt(call, upstream, last=last))
            except TryNext as exc:
                tried[upstream.name] = str(exc)
            else:
                decision.node = upstream.name
                chunks = self._chunks(call, upstream, opened)
                said = opened.response
                return Reply(upstream, said.status, said.headers, chunks, why=choice.why, attempts=attempts)
        story = "; ".join(f"{name}: {reason}" for name, reason in tried.items())
        raise NoNode(f"no node could answer: {story}", hint="./manager.sh logs gateway")

    def _choices(self, model: str) -> list[tuple[Choice, Upstream]]:
        if choices := rank(self._pool.serving(model), self._scorer)[:TRIES]:
            # Looked up now: while one node is asked, another may leave the pool.
            return [(choice, self._pool.get(choice.candidate.name)) for choice in choices]
        if down := self._pool.down_with(model):
            causes = "; ".join(f"{upstream.name}: {upstream.error}" for upstream in down)
            raise NoNode(f"every node that has {model} is down: {causes}", retry_after=self._settings.probe_seconds)
        if not self._pool.is_any_up():
            causes = "; ".join(f"{upstream.name}: {upstream.error or 'not asked yet'}" for upstream in self._pool.all())
            raise NoNode(f"no node is up ({causes or 'none is configured'})", retry_after=self._settings.probe_seconds)
        known = list(self._pool.models())
        listed = ", ".join(known[:_LISTED]) + (f" and {len(known) - _LISTED} more" if len(known) > _LISTED else "")
        raise UnknownModel(f"model '{model}' not found; this cluster has: {listed or 'none'}")

    @asynccontextmanager
    async def _attempt(self, call: Call, upstream: Upstream, *, last: bool) -> AsyncIterator[_Opened]:
        """One try at one node. However it ends, the node's record says so exactly once."""
        upstream.inflight += 1
        try:
            async with AsyncExitStack() as stack:
                opened = await self._opened(call, upstream, stack, last=last)
                yield opened
        except TryNext as exc:
            self._settle_refusal(upstream, str(exc), blame=exc.blame)
            raise
        except Broken as exc:
            self._settle_refusal(upstream, str(exc), blame=True)
            raise
        except BaseException:
            # The client left, or we are stopping: no verdict on the node.
            upstream.breaker.abandon()
            raise
        else:
            self._settle(upstream, opened.response.status)
        finally:
            upstream.inflight -= 1

    async def _opened(self, call: Call, upstream: Upstream, stack: AsyncExitStack, *, last: bool) -> _Opened:
        """The node's answer up to its first byte.

        Raises:
            TryNext: there is none, or none that another node could not do better.
        """
        began = self._clock()
        try:
            async with upstream.expected(self._settings.first_byte_seconds):
                response = await stack.enter_async_context(self._open(call, upstream.url))
                _refuse(response, last=last)
                first = await response.content.readany()
        except (aiohttp.ClientError, OSError) as exc:
            raise TryNext(reason_of(exc), blame=True) from exc
        if not first and response.status < _CLIENT_ERROR:
            raise TryNext("answered nothing", blame=True)
        upstream.answered(self._clock() - began)
        return _Opened(response, first)

    @asynccontextmanager
    async def _open(self, call: Call, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """The response's head. The connection is cut, not drained, when the block ends early."""
        response = await self._session.post(
            url + call.path.path, data=call.body, headers=call.headers, allow_redirects=False
        )
        try:
            yield response
        finally:
            response.close()

    def _settle_refusal(self, upstream: Upstream, reason: str, *, blame: bool) -> None:
        if blame:
            upstream.breaker.fail(self._clock(), chance=chance())
            upstream.suspect(reason)
            return
        upstream.breaker.abandon()
        # It has not got what we thought, or has no room: look again soon.
        upstream.wake.set()

    def _settle(self, upstream: Upstream, status: int) -> None:
        if status >= _SERVER_ERROR and status != _BUSY:
            upstream.breaker.fail(self._clock(), chance=chance())
            upstream.suspect(f"answered {status}")
            self.counters.errors += 1
            return
        upstream.breaker.succeed()
        upstream.served += 1

    async def _chunks(self, call: Call, upstream: Upstream, opened: _Opened) -> AsyncIterator[bytes]:
        tail, size = b"", 0
        chunk = opened.first
        try:
            while chunk:
                tail, size = keep_tail(tail, chunk), size + len(chunk)
                yield chunk
                async with asyncio.timeout(self._settings.idle_seconds):
                    chunk = await opened.response.content.readany()
        except TimeoutError as exc:
            raise Broken(f"{upstream.name} said nothing for {self._settings.idle_seconds:.0f} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            # With its last record whole the answer is whole: only the end of the transfer was lost.
            if not (call.stream and tail.endswith(b"\n") and is_complete(call, tail)):
                raise Broken(f"{upstream.name} broke off: {reason_of(exc)}") from exc
        finally:
            self._count(upstream, tail)
        if opened.response.status < _CLIENT_ERROR and not _has_ended_well(call, opened.response, tail, size):
            raise Broken(f"{upstream.name} stopped before the end of its answer")

    def _count(self, upstream: Upstream, tail: bytes) -> None:
        said = usage(tail)
        self.counters.prompt_tokens += said.prompt_tokens
        self.counters.output_tokens += said.output_tokens
        if said.tokens_per_second is not None:
            upstream.wrote(said.tokens_per_second)


def _has_ended_well(call: Call, response: aiohttp.ClientResponse, tail: bytes, size: int) -> bool:
    if call.stream:
        return is_complete(call, tail) or tells_error(tail)
    # Without a length and without chunks, the end of the connection is all that ends a body.
    is_framed = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    return is_framed or size > len(tail) or is_whole(tail)


def _refuse(response: aiohttp.ClientResponse, *, last: bool) -> None:
    """Raises ``TryNext`` for an answer that another node may do better; the last node's is the caller's to see."""
    if last:
        return
    if response.status in {_NOT_FOUND, _BUSY}:
        raise TryNext(f"answered {response.status}", blame=False)
    if response.status >= _SERVER_ERROR:
        raise TryNext(f"answered {response.status}", blame=True)
