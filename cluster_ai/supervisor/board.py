"""The one place that knows how every part is. Whoever waits for a change is woken by it."""

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from cluster_ai.core.clock import Clock
from cluster_ai.core.errors import NotFound
from cluster_ai.supervisor.machine import Event, Life, apply
from cluster_ai.supervisor.types import PartSpec, PartState, PartView, SupervisorSettings

log = structlog.get_logger(__name__)


class Board:
    """Lives of all parts. ``logs`` is the folder of their log files."""

    def __init__(self, policy: SupervisorSettings, *, logs: Path, clock: Clock = time.monotonic) -> None:
        self.policy = policy
        self.clock = clock
        self._logs = logs
        self._specs: dict[str, PartSpec] = {}
        self._lives: dict[str, Life] = {}
        self._changed = asyncio.Event()

    def add(self, spec: PartSpec) -> None:
        self._specs[spec.name] = spec
        self._lives[spec.name] = Life(since=self.clock())
        self._wake()

    def remove(self, name: str) -> None:
        del self._specs[name], self._lives[name]
        self._wake()

    @property
    def specs(self) -> tuple[PartSpec, ...]:
        return tuple(self._specs.values())

    def spec(self, name: str) -> PartSpec:
        """What a part is.

        Raises:
            NotFound: there is no such part.
        """
        self.life(name)
        return self._specs[name]

    def life(self, name: str) -> Life:
        """How a part is.

        Raises:
            NotFound: there is no such part.
        """
        try:
            return self._lives[name]
        except KeyError:
            known, values = ", ".join(sorted(self._lives)), {"about": "part", "name": name}
            raise NotFound(f"no part is called {name}", hint=f"parts: {known}", values=values) from None

    def tell(self, name: str, event: Event) -> Life:
        """Applies what happened to a part; answers its life afterwards."""
        before = self.life(name)
        after = self._lives[name] = apply(before, event, now=self.clock(), policy=self.policy)
        if after.state is not before.state:
            _say(name, after)
        if (after.state, after.rolling, after.pid) != (before.state, before.rolling, before.pid):
            self._wake()
        return after

    def are_ready(self, names: Iterable[str]) -> bool:
        """Whether all of them are; one that is not part of this cluster is nobody's to wait for."""
        return all(self._lives[name].state is PartState.READY for name in names if name in self._lives)

    def log_of(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    async def until(self, condition: Callable[[], bool], *, seconds: float | None = None) -> bool:
        """Waits for ``condition``, which only changes of state make true; False when time was up first."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._changed.wait()
        except TimeoutError:
            return condition()
        return True

    def views(self) -> tuple[PartView, ...]:
        return tuple(self._view(spec, self._lives[spec.name]) for spec in self._specs.values())

    def _view(self, spec: PartSpec, life: Life) -> PartView:
        return PartView(
            name=spec.name,
            state=life.state,
            pid=life.pid,
            port=spec.ports[0] if spec.ports else None,
            url=spec.url,
            uptime_seconds=round(self.clock() - life.launched_at, 3) if life.runs else 0.0,
            restarts=life.restarts,
            last_exit=life.last_exit,
            error=life.error or life.not_replaced,
            replacing=life.rolling,
            log=str(self.log_of(spec.name)),
        )

    def _wake(self) -> None:
        # Those who wait hold the old event; whoever comes later waits for the next change.
        self._changed.set()
        self._changed = asyncio.Event()


def _say(name: str, life: Life) -> None:
    facts = {"last_exit": life.last_exit, "error": life.error}
    tell = log.warning if life.state in {PartState.BACKOFF, PartState.FAILED, PartState.UNHEALTHY} else log.info
    tell("part is now", part=name, state=life.state.value, **{key: fact for key, fact in facts.items() if fact})
