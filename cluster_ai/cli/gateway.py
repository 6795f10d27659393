"""This machine's gateway, asked directly: answers must flow while the API is down."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx2

from cluster_ai.cli.words import t
from cluster_ai.client.calls import STREAM_SECONDS, ServedBy, served_by
from cluster_ai.client.problems import problem, translated
from cluster_ai.client.wiring import CONNECT_SECONDS, Target, good, parse_line
from cluster_ai.core.addresses import is_loopback
from cluster_ai.core.errors import ClusterError, NotFound

if TYPE_CHECKING:
    from cluster_ai.settings import Settings

PREFERRED = "smollm2:135m"
_EMBEDDING_FAMILIES = frozenset({"bert", "nomic-bert"})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is being written. ``lines`` are Ollama's, read once."""

    served_by: ServedBy
    lines: Iterator[Mapping[str, Any]]


class Gateway:
    """A context manager. Every method may raise any ``ClusterError``."""

    def __init__(self, settings: "Settings") -> None:
        # Where nobody gets in without a key, our own processes show what only they can read.
        is_open = settings.gateway.anonymous != "off" and is_loopback(settings.near)
        token = "" if is_open else Target.local(settings).token
        self._target = Target(settings.gateway_url, token)
        timeout = httpx2.Timeout(STREAM_SECONDS, connect=CONNECT_SECONDS)
        self._http = httpx2.Client(**(self._target.options() | {"timeout": timeout}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """A whole answer: GET without a body, POST with one."""
        with translated(self._target.url):
            response = self._http.request("GET" if body is None else "POST", path, json=body)
            _check(response)
            return parse_line(response.text) or {}

    @contextmanager
    def stream(self, path: str, body: Mapping[str, Any], *, node: str = "") -> Iterator[Answer]:
        """An answer while it is written, by ``node`` where one is named; leaving the block cancels it."""
        with ExitStack() as stack:
            with translated(self._target.url):
                response = stack.enter_context(self._http.stream("POST", path, json=body, headers=_at(node)))
                if not good(response.status_code):
                    response.read()
                _check(response)
            yield Answer(served_by(response.headers), self._lines(response))

    def has_blob(self, digest: str, *, nodes: str = "") -> bool:
        """Whether the node where this caller's next model is made has a blob, or all of ``nodes`` have it."""
        with translated(self._target.url):
            response = self._http.head(f"/api/blobs/{digest}", headers=_at(nodes))
            if response.status_code != httpx2.codes.NOT_FOUND:
                _check(response)
            return good(response.status_code)

    def send_blob(self, digest: str, pieces: Iterator[bytes], size: int, *, nodes: str = "") -> None:
        """``pieces`` make up the ``size`` bytes of the blob; each is asked for when the one before is on its way."""
        headers = {**_at(nodes), "Content-Length": str(size)}
        with translated(self._target.url):
            _check(self._http.post(f"/api/blobs/{digest}", content=pieces, headers=headers))

    def chat_model(self) -> str:
        """A model to talk to: the built-in one, else the first that is not for embeddings.

        Raises:
            NotFound: no node has any.
        """
        found = self.ask("/api/tags").get("models") or []
        names = [
            str(model.get("name"))
            for model in found
            if (model.get("details") or {}).get("family") not in _EMBEDDING_FAMILIES
        ]
        if not names:
            raise NotFound("no node has a model to talk to", hint="cluster-ai node ls")
        return PREFERRED if PREFERRED in names else names[0]

    def _lines(self, response: httpx2.Response) -> Iterator[Mapping[str, Any]]:
        with translated(self._target.url):
            for text in response.iter_lines():
                if (line := parse_line(text)) is not None:
                    yield line


def _at(nodes: str) -> dict[str, str]:
    if not (nodes.isascii() and nodes.isprintable()):
        raise NotFound(t("model.no_node", node=nodes), hint="cluster-ai node ls")
    return {"X-Cluster-Node": nodes} if nodes else {}


def _check(response: httpx2.Response) -> None:
    if not good(response.status_code):
        raise _error(response)


def _error(response: httpx2.Response) -> ClusterError:
    """The gateway answers errors as Ollama does: one sentence under ``error``."""
    try:
        said = response.json()
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    body = {"detail": str(said.get("error") or ""), "code": str(said.get("code") or ""), "values": said.get("values")}
    return problem(response.status_code, json.dumps(body).encode(), response.headers)
