"""The client that waits: for the CLI and for scripts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from cluster_ai.client import calls
from cluster_ai.client.calls import Call, PullStep, ServedBy
from cluster_ai.client.problems import translated
from cluster_ai.client.wiring import Local, Target, check, good, parse_line, request_of
from cluster_ai.compute.types import ComputeView, WorkerView
from cluster_ai.core.paths import Home
from cluster_ai.views import ClusterModelView, NodeView, OverviewView, ReadyView, SystemView

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chat:
    """An answer as it is being written. ``lines`` are Ollama's, read once."""

    served_by: ServedBy
    lines: Iterator[Mapping[str, Any]]


class Client:
    """Typed access to one cluster; a context manager. Every method may raise any ``ClusterError``."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self.target = Target(url.rstrip("/"), token)
        with translated(url):
            self._http = httpx2.Client(**self.target.options())

    @classmethod
    def local(cls, settings: Local, home: Home | None = None) -> Self:
        """This machine's own cluster.

        Raises:
            Unavailable: none was ever started in this data directory.
        """
        target = Target.local(settings, home)
        return cls(target.url, token=target.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # -- reading

    def overview(self) -> OverviewView:
        return self.send(calls.overview())

    def nodes(self) -> tuple[NodeView, ...]:
        return self.send(calls.nodes())

    def node(self, name: str) -> NodeView:
        return self.send(calls.node(name))

    def models(self) -> tuple[ClusterModelView, ...]:
        return self.send(calls.models())

    def workers(self) -> tuple[WorkerView, ...]:
        return self.send(calls.workers())

    def compute(self) -> ComputeView:
        return self.send(calls.compute())

    def system(self) -> SystemView:
        return self.send(calls.system())

    def ready(self) -> ReadyView:
        """Each dependency. Not being ready is an answer, not an error."""
        return self.send(calls.ready())

    def leader(self) -> calls.Term:
        """Which head leads, as the one that is asked knows it."""
        return self.send(calls.leader())

    def me(self) -> calls.Me:
        return self.send(calls.me())

    # -- changing

    def restart_part(self, name: str) -> None:
        self.send(calls.restart_part(name))

    def add_workers(self, count: int) -> None:
        self.send(calls.add_workers(count))

    def set_password(self, *, current: str, new: str) -> None:
        self.send(calls.set_password(current, new))

    def delete_model(self, model: str, *, nodes: Sequence[str] = ()) -> tuple[str, ...]:
        """Where it was removed: from ``nodes``, or from all that had it."""
        return self.send(calls.delete_model(model, nodes))

    # -- streams

    def pull(self, model: str, *, nodes: Sequence[str] = ()) -> Iterator[PullStep]:
        """The pull's progress, step by step, until it is done."""
        call = calls.pull(model, nodes)
        with self._stream(call) as response:
            for line in self._lines(response):
                yield PullStep.model_validate(line)

    @contextmanager
    def chat(self, body: Mapping[str, Any]) -> Iterator[Chat]:
        """An answer to Ollama's ``/api/chat`` body, while it is written; leaving the block cancels it."""
        with self._stream(calls.chat(body)) as response:
            yield Chat(calls.served_by(response.headers), self._lines(response))

    @contextmanager
    def lines(self, call: Call[Any]) -> Iterator[Iterator[Mapping[str, Any]]]:
        """A streamed answer line by line, as it comes; leaving the block ends it."""
        with self._stream(call) as response:
            yield self._lines(response)

    # -- plumbing

    def send(self, call: Call[T]) -> T:
        """Carries out any call of ``cluster_ai.client.calls``."""
        with translated(self.target.url):
            response = self._http.request(**request_of(call))
            check(call, response)
            return call.read(response.content)

    @contextmanager
    def _stream(self, call: Call[Any]) -> Iterator[httpx2.Response]:
        with ExitStack() as stack:
            with translated(self.target.url):
                response = stack.enter_context(self._http.stream(**request_of(call)))
                if not good(response.status_code):
                    response.read()
                check(call, response)
            yield response

    def _lines(self, response: httpx2.Response) -> Iterator[Mapping[str, Any]]:
        with translated(self.target.url):
            for text in response.iter_lines():
                if (line := parse_line(text)) is not None:
                    yield line
