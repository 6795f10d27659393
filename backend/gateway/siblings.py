"""Several processes on one port, as Prometheus sees them: whichever is asked tells the figures of all."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import aiohttp
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from backend.gateway.answers import Asked
from cluster_ai.core.metrics import CONTENT_TYPE
from cluster_ai.core.sockets import doors_in, short

DOOR: Final = "gateway"
NAMED: Final = "x-cluster-process"
LABEL: Final = "process"
ANSWER_SECONDS: Final = 1.0
"""One that hangs is left out; the others' figures are not late for it."""
_GOOD: Final = 200


class Siblings:
    """``name`` is this process's; the doors of all are in ``run``; ``token`` is what our own processes show."""

    def __init__(self, run: Path, *, name: str, token: str) -> None:
        self.name = name
        self._run = run
        self._token = token

    def door(self, figures: Callable[[Asked], bytes]) -> Callable[[Asked, object], Awaitable[None]]:
        """Answers with the figures of all; at the door of one process, with its own. ``figures`` are ours."""

        async def metrics(asked: Asked, _room: object) -> None:
            own = figures(asked)
            if asked.scope.get("client") is None:
                await asked.say(_GOOD, own, kind=CONTENT_TYPE, headers={NAMED: self.name})
            else:
                await asked.say(_GOOD, await self.together(own), kind=CONTENT_TYPE)

        return metrics

    async def together(self, own: bytes) -> bytes:
        """The figures of all, in the exposition format, each with its process in the label ``process``."""
        doors = await asyncio.to_thread(doors_in, self._run, DOOR)
        others = [door for pid, door in doors.items() if pid != os.getpid()]
        said = await asyncio.gather(*(self._at(door) for door in others))
        texts = {self.name: own} | dict(filter(None, said))
        return await asyncio.to_thread(joined, {name: text.decode() for name, text in texts.items()})

    async def _at(self, door: Path) -> tuple[str, bytes] | None:
        with short(door.parent, door.name) as path:
            connector = aiohttp.UnixConnector(path)
            timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
            headers = {"Authorization": f"Bearer {self._token}"}
            async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
                try:
                    async with session.get("http://localhost/metrics", headers=headers) as answer:
                        found = answer.headers.get(NAMED, ""), await answer.read()
                        return found if answer.status == _GOOD and found[0] else None
                except (aiohttp.ClientError, TimeoutError):
                    return None


def joined(texts: Mapping[str, str]) -> bytes:
    """Expositions of several processes as one. Pure."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Together(texts))
    return generate_latest(registry)


class _Together(Collector):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for name, text in self._texts.items():
            for found in text_string_to_metric_families(text):
                family = families.setdefault(found.name, Metric(found.name, found.documentation, found.type))
                family.samples += [
                    sample._replace(labels={**sample.labels, LABEL: name}) for sample in found.samples
                ]  # fmt: skip
        yield from families.values()
