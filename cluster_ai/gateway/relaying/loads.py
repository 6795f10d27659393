"""Loads a model on a node once, however many calls ask for it.

The load is a request of our own. An engine gives a load up when the connection that asked for it closes, so a client
who leaves would take the model from everybody who waits for it; ours stays until the last of them has left.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
import structlog

from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.dialects.paths import Dialect, error_body
from cluster_ai.gateway.means import Means
from cluster_ai.gateway.nodes.lane import Load
from cluster_ai.gateway.nodes.reasons import TryNext, reason_of, refusal
from cluster_ai.gateway.nodes.waiting import expected
from cluster_ai.gateway.placing.place import Place
from cluster_ai.gateway.wire.client import Response

log = structlog.get_logger(__name__)

_EMBEDS: Final = frozenset({"/api/embed", "/api/embeddings", "/v1/embeddings"})
_LOADED_BY: Final = frozenset({"/api/chat", "/api/generate", "/v1/chat/completions", "/v1/completions", *_EMBEDS})
_RUNNER: Final = (
    *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap", "use_mlock", "numa", "low_vram"),
    *("f16_kv", "vocab_only", "logits_all"),
)
"""Options that belong to the loaded copy: with others it would be loaded again."""
_LONGEST: Final = 1024 * 1024
"""Bytes of what a node says to a load."""
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_WRONG_NODE: Final = 404
_CODES: Final = {_WRONG_NODE: "model_not_found", 429: "overloaded", 503: "overloaded"}


class Loads:
    """``open`` it: loads still running when it closes are given up."""

    def __init__(self, means: Means) -> None:
        self._wire = means.wire
        self._settings = means.settings
        self._clock = means.clock
        self._running: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def ready(self, call: Call, place: Place) -> float:
        """Waits until the model is in the node's memory. Answers the seconds that took.

        Raises:
            TryNext: the node cannot load it.
        """
        if place.choice.candidate.resident or not _needs_model(call):
            return 0.0
        began = self._clock()
        load = place.lane.load
        if load is None or load.task.done():
            load = place.lane.load = Load(began, self._begin(call, place))
        load.waiting += 1
        try:
            await asyncio.shield(load.task)
        except TryNext as exc:
            raise _as_heard_by(call, exc) from exc
        finally:
            load.waiting -= 1
            if not load.waiting:
                load.task.cancel()
                if place.lane.load is load:
                    place.lane.load = None
        return self._clock() - began

    def _begin(self, call: Call, place: Place) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._load(call, place))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Those who waited have it; nobody may have.
            task.exception()

    async def _load(self, call: Call, place: Place) -> None:
        upstream, began = place.upstream, self._clock()
        path, body = _request(call, place.model.name)
        log.info("model is being loaded", node=upstream.name, model=place.model.name)
        try:
            with expected(upstream, self._settings.load_seconds):
                response = await self._wire.post(upstream.url + path, body, _HEADERS)
                with contextlib.closing(response):
                    said = await response.read(_LONGEST)
        except TimeoutError as exc:
            reason = upstream.why_silent(reason_of(exc))
            raise TryNext(f"could not load {place.model.name}: {reason}", blame=True) from exc
        except OSError as exc:
            raise TryNext(f"could not load {place.model.name}: {reason_of(exc)}", blame=True) from exc
        _judge(response, said)
        if response.status < _CLIENT_ERROR:
            if not place.choice.candidate.blocked_seconds:
                # What had to wait for others first says nothing about a load.
                place.lane.learned.was_loaded(self._clock() - began)
            upstream.loaded(place.model, call.num_ctx)


_HEADERS: Final = {"Content-Type": "application/json"}


def _judge(response: Response, said: bytes) -> None:
    """Raises ``TryNext`` when another node may do better. What else it says, it will say to the call itself."""
    if response.status >= _SERVER_ERROR or response.status == _WRONG_NODE:
        raise refusal(response.status, said, response.headers.get("retry-after", ""))


def _as_heard_by(call: Call, refused: TryNext) -> TryNext:
    """A refused load in the words of the call's own dialect: loads are asked for in Ollama's."""
    dialect, status = call.path.dialect, refused.status
    if not status or dialect is Dialect.OLLAMA:
        return refused
    with contextlib.suppress(orjson.JSONDecodeError, AttributeError):
        said = orjson.loads(refused.body).get("error")
        body = error_body(dialect, status, str(said or refused), code=_CODES.get(status, "no_node"))
        return TryNext(str(refused), blame=refused.blame, status=status, body=body, retry_after=refused.retry_after)
    return refused


def _needs_model(call: Call) -> bool:
    """Whether the call is work. One without a prompt is itself a wish to load or to unload."""
    return call.path.path in _LOADED_BY and bool(call.chain.links)


def _request(call: Call, model: str) -> tuple[str, bytes]:
    options = call.fields.get("options")
    wanted: dict[str, Any] = {"model": model}
    if isinstance(options, dict) and (kept := {name: options[name] for name in _RUNNER if name in options}):
        wanted["options"] = kept
    if "keep_alive" in call.fields and call.fields["keep_alive"] not in {0, "0"}:
        wanted["keep_alive"] = call.fields["keep_alive"]
    if call.path.path in _EMBEDS:
        return "/api/embed", orjson.dumps(wanted | {"input": []})
    return "/api/generate", orjson.dumps(wanted | {"stream": False})
