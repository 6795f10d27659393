"""The client for an event loop: for the TUI and for whatever follows live messages."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from cluster_ai.client import calls, log_calls
from cluster_ai.client.live import Message, Reconnect, Trouble, follow, read_event
from cluster_ai.client.problems import translated
from cluster_ai.client.wiring import Local, Target, check, good, parse_line, request_of
from cluster_ai.compute.types import ComputeView, WorkerView
from cluster_ai.core.paths import Home
from cluster_ai.views import ClusterModelView, NodeView, OverviewView, ReadyView, SystemView

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AsyncChat:
    """An answer as it is being written. ``lines`` are Ollama's, read once."""

    served_by: calls.ServedBy
    lines: AsyncIterator[Mapping[str, Any]]


class AsyncClient:
    """Typed access to one cluster; an async context manager. Every method may raise any ``ClusterError``."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self.target = Target(url.rstrip("/"), token)
        with translated(url):
            self._http = httpx2.AsyncClient(**self.target.options())

    @classmethod
    def local(cls, settings: Local, home: Home | None = None) -> Self:
        """This machine's own cluster.

        Raises:
            Unavailable: none was ever started in this data directory.
        """
        target = Target.local(settings, home)
        return cls(target.url, token=target.token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    # -- reading

    async def overview(self) -> OverviewView:
        return await self.send(calls.overview())

    async def nodes(self) -> tuple[NodeView, ...]:
        return await self.send(calls.nodes())

    async def node(self, name: str) -> NodeView:
        return await self.send(calls.node(name))

    async def models(self) -> tuple[ClusterModelView, ...]:
        return await self.send(calls.models())

    async def workers(self) -> tuple[WorkerView, ...]:
        return await self.send(calls.workers())

    async def compute(self) -> ComputeView:
        return await self.send(calls.compute())

    async def system(self) -> SystemView:
        return await self.send(calls.system())

    async def ready(self) -> ReadyView:
        """Each dependency. Not being ready is an answer, not an error."""
        return await self.send(calls.ready())

    async def leader(self) -> calls.Term:
        """Which head leads, as the one that is asked knows it."""
        return await self.send(calls.leader())

    async def me(self) -> calls.Me:
        return await self.send(calls.me())

    # -- changing

    async def restart_part(self, name: str) -> None:
        await self.send(calls.restart_part(name))

    async def add_workers(self, count: int) -> None:
        await self.send(calls.add_workers(count))

    async def set_password(self, *, current: str, new: str) -> None:
        await self.send(calls.set_password(current, new))

    async def delete_model(self, model: str, *, nodes: Sequence[str] = ()) -> tuple[str, ...]:
        """Where it was removed: from ``nodes``, or from all that had it."""
        return await self.send(calls.delete_model(model, nodes))

    # -- streams

    @asynccontextmanager
    async def pull(self, model: str, *, nodes: Sequence[str] = ()) -> AsyncIterator[AsyncIterator[calls.PullStep]]:
        """The pull's progress, step by step; leaving the block stops following it."""
        async with self._stream(calls.pull(model, nodes)) as response:
            yield (calls.PullStep.model_validate(line) async for line in self._lines(response))

    @asynccontextmanager
    async def chat(self, body: Mapping[str, Any]) -> AsyncIterator[AsyncChat]:
        """An answer to Ollama's ``/api/chat`` body, while it is written; leaving the block cancels it."""
        async with self._stream(calls.chat(body)) as response:
            yield AsyncChat(calls.served_by(response.headers), self._lines(response))

    @asynccontextmanager
    async def lines(self, call: calls.Call[Any]) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        """A streamed answer line by line, as it comes; leaving the block ends it."""
        async with self._stream(call) as response:
            yield self._lines(response)

    def live(
        self,
        *topics: str,
        after: int | None = None,
        reconnect: Reconnect | None = None,
        on_trouble: Trouble | None = None,
    ) -> AsyncGenerator[Message, None]:
        """Live messages of ``topics``, through outages; see ``live.follow``. Close it with ``aclosing``."""
        asked = {"topics": ",".join(topics)}
        return self._followed(f"{calls.API}/events", asked, after=after, reconnect=reconnect, on_trouble=on_trouble)

    def log_lines(
        self, query: str, *, after: int | None = None, on_trouble: Trouble | None = None
    ) -> AsyncGenerator[Message, None]:
        """Lines of the log store that meet ``query``, as they come, through outages. Close it with ``aclosing``."""
        return self._followed(log_calls.TAIL, {"q": query}, after=after, reconnect=None, on_trouble=on_trouble)

    def _followed(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        after: int | None,
        reconnect: Reconnect | None,
        on_trouble: Trouble | None,
    ) -> AsyncGenerator[Message, None]:
        policy = reconnect or Reconnect()
        return follow(
            lambda cursor: self._events(path, query, after=cursor, silence=policy.silence),
            after=after,
            reconnect=policy,
            rng=random.Random(),  # noqa: S311 - spreads reconnects, guards nothing
            on_trouble=on_trouble,
        )

    # -- plumbing

    async def send(self, call: calls.Call[T]) -> T:
        """Carries out any call of ``cluster_ai.client.calls``."""
        with translated(self.target.url):
            response = await self._http.request(**request_of(call))
            check(call, response)
            return call.read(response.content)

    @asynccontextmanager
    async def _events(
        self, path: str, query: Mapping[str, str], *, after: int | None, silence: float
    ) -> AsyncIterator[AsyncIterator[Message]]:
        asked = {**query, **({} if after is None else {"after": str(after)})}
        call = calls.Call("GET", path, calls.nothing, query=asked, seconds=silence)
        async with self._stream(call, accept="text/event-stream") as response:
            yield self._messages(response)

    async def _messages(self, response: httpx2.Response) -> AsyncIterator[Message]:
        with translated(self.target.url):
            async for event in httpx2.EventSource(response, max_event_size=8 * 1024 * 1024):
                if event.data:
                    yield read_event(number=event.id, topic=event.event, data=event.data)

    @asynccontextmanager
    async def _stream(
        self, call: calls.Call[Any], *, accept: str = "application/x-ndjson"
    ) -> AsyncIterator[httpx2.Response]:
        request = request_of(call) | {"headers": {"Accept": accept}}
        async with AsyncExitStack() as stack:
            with translated(self.target.url):
                response = await stack.enter_async_context(self._http.stream(**request))
                if not good(response.status_code):
                    await response.aread()
                check(call, response)
            yield response

    async def _lines(self, response: httpx2.Response) -> AsyncIterator[Mapping[str, Any]]:
        with translated(self.target.url):
            async for text in response.aiter_lines():
                if (line := parse_line(text)) is not None:
                    yield line
