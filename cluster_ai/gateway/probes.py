"""Asks every node how it is, each on its own: one that hangs delays nobody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import structlog

from cluster_ai.core.clock import Clock
from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import INT64_MAX, parse_object
from cluster_ai.gateway.reasons import reason_of
from cluster_ai.gateway.routing import full_name
from cluster_ai.gateway.types import LOCAL_NAME, GatewaySettings, ModelView, UpstreamKind, UpstreamState
from cluster_ai.gateway.upstreams import Picture, Pool, Upstream

log = structlog.get_logger(__name__)

ANSWER_SECONDS: Final = 2.0
LARGEST_ANSWER: Final = 16 * 1024 * 1024
PROBES_TO_FIND: Final = 5
"""Pauses between probes before an Ollama that is not there is looked for again."""
PROBES_TO_LOSE: Final = 10
"""Missed probes in a row after which it has left for good; until then its models are known, and said to be away."""
EAGER_SECONDS: Final = 0.2
_OK: Final = 200


class BadNode(Exception):
    """What answers there does not speak Ollama's API."""


async def look(session: aiohttp.ClientSession, url: str) -> Picture:
    """One round of questions to a node.

    Raises:
        BadNode, aiohttp.ClientError, TimeoutError: it is not well.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        version = await _get(session, f"{url}/api/version")
        records = _records(await _get(session, f"{url}/api/tags"))
        in_memory = _records(await _get(session, f"{url}/api/ps"))
    resident = {full_name(str(record["name"])) for record in in_memory}
    models = tuple(_model(record, resident) for record in records)
    return Picture(_text(version.get("version")), models, tags=records, loaded=in_memory)


class Prober:
    """Looks after the pool: a loop for each node, and one that looks for an Ollama on this machine."""

    def __init__(self, pool: Pool, session: aiohttp.ClientSession, settings: GatewaySettings, *, clock: Clock) -> None:
        self._pool = pool
        self._session = session
        self._settings = settings
        self._clock = clock

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Probes as long as the block runs. Every node has been asked once when it begins."""
        await asyncio.gather(*(self.tick(upstream) for upstream in self._pool.all()))
        async with asyncio.TaskGroup() as tasks:
            loops = [tasks.create_task(self._watch(upstream)) for upstream in self._pool.all()]
            if self._settings.find_local_ollama:
                loops.append(tasks.create_task(self._watch_local()))
            try:
                yield
            finally:
                for loop in loops:
                    loop.cancel()

    async def tick(self, upstream: Upstream) -> None:
        """One look at one node."""
        before = upstream.state
        try:
            upstream.seen(await look(self._session, upstream.url), self._clock())
        except (BadNode, aiohttp.ClientError, OSError) as exc:
            upstream.missed_probe(reason_of(exc))
        if upstream.state is not before:
            log.info("node is now", node=upstream.name, state=upstream.state.value, reason=upstream.error)

    async def _watch(self, upstream: Upstream) -> None:
        while True:
            await self._next_look(upstream)

    async def _next_look(self, upstream: Upstream) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause(upstream)):
                await upstream.wake.wait()
        upstream.wake.clear()
        await self.tick(upstream)

    def _pause(self, upstream: Upstream) -> float:
        # Our own node is on this machine and comes back soon: nobody should find it missing for longer than it is.
        if upstream.kind is UpstreamKind.EMBEDDED and upstream.state is not UpstreamState.HEALTHY:
            return min(EAGER_SECONDS, self._settings.probe_seconds)
        return self._settings.probe_seconds

    async def _watch_local(self) -> None:
        """Adds this machine's own Ollama when it is there, and lets it go when it has left."""
        url = str(self._settings.local_ollama_url).rstrip("/")
        while not self._pool.has_url(url):
            try:
                picture = await look(self._session, url)
            except (BadNode, aiohttp.ClientError, OSError):
                await asyncio.sleep(self._settings.probe_seconds * PROBES_TO_FIND)
                continue
            upstream = self._pool.add(LOCAL_NAME, url, UpstreamKind.OLLAMA)
            upstream.seen(picture, self._clock())
            log.info("found an Ollama on this machine", url=url, models=len(picture.models))
            while upstream.missed < PROBES_TO_LOSE:
                await self._next_look(upstream)
            self._pool.remove(LOCAL_NAME)
            log.info("the Ollama of this machine has left", url=url)


async def _get(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != _OK:
            raise BadNode(f"{response.url.path} answered {response.status}")
        body = await _read(response)
    try:
        return parse_object(body)
    except InvalidInput as exc:
        raise BadNode(f"{response.url.path}: {exc.message}") from exc


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise BadNode(f"{response.url.path} says more than {LARGEST_ANSWER >> 20} MiB")
    return b"".join(chunks)


def _records(answer: Mapping[str, Any]) -> tuple[Mapping[str, object], ...]:
    rows = answer.get("models")
    if not isinstance(rows, list):
        return ()
    return tuple(row for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str) and row["name"])


def _model(record: Mapping[str, object], resident: set[str]) -> ModelView:
    details = record.get("details")
    details = details if isinstance(details, dict) else {}
    size = record.get("size")
    capabilities = record.get("capabilities")
    return ModelView(
        name=str(record["name"]),
        digest=_text(record.get("digest")),
        size=size if isinstance(size, int) and 0 <= size <= INT64_MAX else 0,
        family=_text(details.get("family")),
        parameter_size=_text(details.get("parameter_size")),
        quantization=_text(details.get("quantization_level")),
        capabilities=tuple(map(str, capabilities)) if isinstance(capabilities, list) else (),
        loaded=full_name(str(record["name"])) in resident,
    )


def _text(value: object) -> str:
    return value[:256] if isinstance(value, str) else ""
