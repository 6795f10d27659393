"""The nodes that the gateway knows, and what it measured of each. In memory; probes and traffic fill it."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cluster_ai.core.clock import Clock
from cluster_ai.gateway.breaker import Breaker
from cluster_ai.gateway.routing import LATEST, Candidate, full_name
from cluster_ai.gateway.types import (
    EMBEDDED_NAME,
    GatewaySettings,
    ModelView,
    UpstreamKind,
    UpstreamState,
    UpstreamView,
)

SMOOTHING = 0.3
"""Weight of the newest measurement."""
PROBES_TO_DOWN = 2
"""Probes in a row that fail before a node counts as down."""
PROBES_TO_GIVE_UP = 3
"""The same, before calls that wait for its first byte are taken elsewhere."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a node said of itself in one round of probes."""

    version: str
    models: tuple[ModelView, ...]
    tags: tuple[Mapping[str, object], ...] = ()
    """Its own records of ``/api/tags``, passed on in our merged list."""
    loaded: tuple[Mapping[str, object], ...] = ()
    """The same of ``/api/ps``."""


@dataclass(slots=True)
class Upstream:
    """One node. Seconds are monotonic."""

    name: str
    url: str
    kind: UpstreamKind
    breaker: Breaker
    state: UpstreamState = UpstreamState.UNKNOWN
    picture: Picture = Picture("", ())
    inflight: int = 0
    served: int = 0
    failed: int = 0
    latency: float | None = None
    speed: float | None = None
    """Smoothed tokens per second."""
    seen_at: float | None = None
    error: str = ""
    missed: int = 0
    waits: set[asyncio.Timeout] = field(default_factory=set)
    """Calls that wait for its first byte."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a probe should not wait for its turn."""

    def seen(self, picture: Picture, now: float) -> None:
        self.picture, self.seen_at = picture, now
        self.state, self.missed, self.error = UpstreamState.HEALTHY, 0, ""

    def missed_probe(self, reason: str) -> None:
        self.missed += 1
        self.error = reason
        self.state = UpstreamState.DOWN if self.missed >= PROBES_TO_DOWN else UpstreamState.SUSPECT
        if self.missed >= PROBES_TO_GIVE_UP:
            for wait in self.waits:
                wait.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def expected(self, seconds: float) -> AsyncIterator[None]:
        """Waits for its first byte: so long at most, and no longer once it is known to be gone.

        Raises:
            TimeoutError: time was up.
        """
        async with asyncio.timeout(seconds) as wait:
            self.waits.add(wait)
            try:
                yield
            finally:
                self.waits.discard(wait)

    def suspect(self, reason: str) -> None:
        """A request failed: nobody else should run into it before a probe has looked."""
        self.failed += 1
        self.error = reason
        if self.state is UpstreamState.HEALTHY:
            self.state = UpstreamState.SUSPECT
        self.wake.set()

    def answered(self, seconds: float) -> None:
        """The first byte of an answer came after ``seconds``."""
        self.latency = _smoothed(self.latency, seconds)

    def wrote(self, tokens_per_second: float) -> None:
        self.speed = _smoothed(self.speed, tokens_per_second)

    def model(self, name: str) -> ModelView | None:
        """Its model of that name; case does not matter, as at Ollama."""
        wanted = full_name(name).casefold()
        if found := next((model for model in self.picture.models if full_name(model.name).casefold() == wanted), None):
            return found
        # Our own node knows its built-in models without their tag, too: `smollm2` is `smollm2:135m`.
        if self.kind is not UpstreamKind.EMBEDDED or not wanted.endswith(LATEST):
            return None
        base = wanted.removesuffix(LATEST) + ":"
        return next((model for model in self.picture.models if model.name.casefold().startswith(base)), None)

    def candidate(self, model: ModelView, now: float) -> Candidate:
        return Candidate(
            self.name, self.state, self.breaker.state(now), model.loaded, self.inflight, self.latency
        )  # fmt: skip

    def view(self, now: float) -> UpstreamView:
        return UpstreamView(
            name=self.name,
            url=self.url,
            kind=self.kind,
            state=self.state,
            breaker=self.breaker.state(now),
            version=self.picture.version,
            inflight=self.inflight,
            served=self.served,
            failed=self.failed,
            ttft_seconds=self.latency,
            tokens_per_second=self.speed,
            last_seen_seconds=None if self.seen_at is None else max(0.0, now - self.seen_at),
            last_error=self.error,
            models=self.picture.models,
        )


class Pool:
    """All nodes by name."""

    def __init__(self, settings: GatewaySettings, *, embedded_url: str | None, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._upstreams: dict[str, Upstream] = {}
        if embedded_url:
            self.add(EMBEDDED_NAME, embedded_url, UpstreamKind.EMBEDDED)
        for row in settings.upstreams:
            self.add(row.name, str(row.url), UpstreamKind.OLLAMA)

    def add(self, name: str, url: str, kind: UpstreamKind) -> Upstream:
        breaker = Breaker(self._settings.breaker_failures, self._settings.breaker_seconds)
        found = self._upstreams[name] = Upstream(name, url.rstrip("/"), kind, breaker)
        return found

    def remove(self, name: str) -> None:
        self._upstreams.pop(name, None)

    def has_url(self, url: str) -> bool:
        return any(upstream.url == url.rstrip("/") for upstream in self._upstreams.values())

    def all(self) -> tuple[Upstream, ...]:
        return tuple(self._upstreams.values())

    def get(self, name: str) -> Upstream:
        return self._upstreams[name]

    def serving(self, model: str) -> list[Candidate]:
        """Nodes that have ``model`` and are not known to be down."""
        now = self._clock()
        found = ((upstream, upstream.model(model)) for upstream in self._up())
        return [upstream.candidate(view, now) for upstream, view in found if view is not None]

    def down_with(self, model: str) -> list[Upstream]:
        """Nodes that had ``model`` and are down."""
        return [up for up in self.all() if up.state is UpstreamState.DOWN and up.model(model)]

    def is_any_up(self) -> bool:
        return any(True for _ in self._up())

    def models(self) -> dict[str, tuple[Upstream, Mapping[str, object]]]:
        """Every model that is served now, by full name, with the record of the first node that has it."""
        found: dict[str, tuple[Upstream, Mapping[str, object]]] = {}
        for upstream in self._up():
            for record in upstream.picture.tags:
                found.setdefault(full_name(str(record["name"])), (upstream, record))
        return dict(sorted(found.items()))

    def loaded(self) -> list[Mapping[str, object]]:
        """Records of every model in the memory of a node."""
        return [record for upstream in self._up() for record in upstream.picture.loaded]

    def _up(self) -> Iterable[Upstream]:
        known = {UpstreamState.HEALTHY, UpstreamState.SUSPECT}
        return (upstream for upstream in self._upstreams.values() if upstream.state in known)


def chance() -> float:
    """Spreads pauses; nothing secret."""
    return random.random()  # noqa: S311


def _smoothed(old: float | None, new: float) -> float:
    return new if old is None else old + SMOOTHING * (new - old)
