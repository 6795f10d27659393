"""JSON over HTTP to a Prometheus or an Alertmanager of the user's: three tries, ten seconds each, no redirects."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from cluster_ai.core.errors import InvalidInput, Unavailable
from cluster_ai.core.metrics import SECONDS, Bins

TRIES: Final = 3
SECONDS_EACH: Final = 10.0
PAUSE: Final = 0.25
LARGEST: Final = 16 * 1024 * 1024
_GOOD: Final = 300
_REFUSED: Final = (400, 422)


class NeighbourDown(Unavailable):
    """Prometheus or Alertmanager does not answer, or not as they do."""

    code = "monitoring_down"


class QueryRefused(InvalidInput):
    """Prometheus or Alertmanager did not take what it was sent."""

    code = "query_refused"


@dataclass(slots=True)
class Web:
    """Calls of one neighbour, counted. ``name`` is how people know it."""

    name: str
    url: str
    asked: Counter[str] = field(default_factory=Counter)
    """By outcome: ok, refused, failed."""
    seconds: Bins = field(default_factory=lambda: Bins(SECONDS))

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What it answers.

        Raises:
            NeighbourDown: nothing, after three tries.
            QueryRefused: that the request is wrong.
        """
        return await self._call("GET", path, params=dict(query or {}))

    async def post(self, path: str, body: Any) -> Any:
        """The same with a body. Raises as ``get``."""
        return await self._call("POST", path, json=body)

    async def delete(self, path: str) -> None:
        """Raises as ``get``."""
        await self._call("DELETE", path)

    async def _call(self, method: str, path: str, **more: Any) -> Any:
        failure = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE * attempt)
            began = time.perf_counter()
            try:
                response = await self._once(method, path, **more)
            except httpx2.HTTPError as exc:
                failure = str(exc) or type(exc).__name__
                continue
            finally:
                self.seconds.add(time.perf_counter() - began)
            if response.status_code in _REFUSED or response.status_code == httpx2.codes.NOT_FOUND:
                self.asked["refused"] += 1
                raise QueryRefused(f"{self.name} does not take that: {_said(response)}", path="query")
            if response.status_code < _GOOD:
                self.asked["ok"] += 1
                return self._read(response)
            failure = f"HTTP {response.status_code}"
        self.asked["failed"] += 1
        raise NeighbourDown(f"{self.name} at {self.url} does not answer: {failure[:200]}", retry_after=PAUSE * TRIES)

    async def _once(self, method: str, path: str, **more: Any) -> httpx2.Response:
        # A connection each time: they are rare, and nothing must be closed when the process ends.
        options: dict[str, Any] = {"timeout": SECONDS_EACH, "trust_env": False, "follow_redirects": False}
        async with httpx2.AsyncClient(verify=await self._trust(), **options) as client:
            return await client.request(method, self.url.rstrip("/") + path, **more)

    async def _trust(self) -> ssl.SSLContext:
        """Certificates of this machine, read beside the loop: they take longer than the request. HTTP needs none."""
        if self.url.startswith("https:"):
            return await asyncio.to_thread(ssl.create_default_context)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def _read(self, response: httpx2.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as exc:
            raise NeighbourDown(f"{self.name} at {self.url} answers something else than JSON") from exc


def _said(response: httpx2.Response) -> str:
    try:
        found = response.json()
    except ValueError:
        return response.text[:200]
    if isinstance(found, dict):
        return str(found.get("error") or found.get("message") or found)[:300]
    return str(found)[:300]
