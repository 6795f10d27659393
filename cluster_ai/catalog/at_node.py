"""The models of one node over HTTP: Ollama's API, and beside it what our agent offers for copies.

``url`` is where the node's API answers: Ollama itself, or the door of the machine's agent, which passes it on.
"""

import asyncio
import http.client
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from pydantic import ValidationError

from cluster_ai.catalog.names import Door
from cluster_ai.catalog.places import Step, Steps
from cluster_ai.catalog.types import DiskTooSmall, Holding, NodeCut, PullFailed
from cluster_ai.core.bodies import read_up_to
from cluster_ai.core.errors import ClusterError, InvalidInput, NotFound, Unsupported
from cluster_ai.core.wire import dump_json, parse_object

COPY: Final = "/-/copies"
SILENCE_SECONDS: Final = 900.0
"""Checking what was fetched takes minutes in which a node says nothing."""
LOAD_SECONDS: Final = 900.0
ANSWER_SECONDS: Final = 60.0
FOR_EVER: Final = -1
_LONGEST_RECORD: Final = 1024 * 1024
_LONGEST_BODY: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AtNode:
    """``givers`` has the doors of agents by the names of their nodes: where a copy can come from."""

    name: str
    url: str
    session: aiohttp.ClientSession
    givers: Mapping[str, Door]

    def pull(self, model: str) -> Steps:
        return self._steps("/api/pull", {"model": model, "stream": True})

    def copy_from(self, source: str, model: str) -> Steps:
        if source not in self.givers:
            raise NotFound(f"no node is called {source}", values={"about": "node", "name": source})
        door = self.givers[source]
        return self._steps(COPY, {"model": model, "source": door.url, "addresses": list(door.addresses)})

    async def models(self) -> tuple[tuple[str, Holding], ...]:
        there, loaded = await asyncio.gather(self._ask("GET", "/api/tags"), self._ask("GET", "/api/ps"))
        memory = {row.get("name"): row for row in _rows(loaded)}
        try:
            return tuple(
                (
                    str(row["name"]),
                    Holding(
                        node=self.name,
                        digest=str(row.get("digest", "")).removeprefix("sha256:"),
                        size=row.get("size", 0),
                        loaded=row["name"] in memory,
                        memory=memory.get(row["name"], {}).get("size", 0),
                        modified_at=_moment(row.get("modified_at")),
                    ),
                )
                for row in _rows(there)
            )
        except (KeyError, ValidationError) as exc:
            raise PullFailed(f"{self.name}: its list of models cannot be read") from exc

    async def delete(self, model: str) -> None:
        await self._ask("DELETE", "/api/delete", {"model": model})

    async def load(self, model: str, *, keep: bool) -> None:
        body: dict[str, Any] = {"model": model} | ({"keep_alive": FOR_EVER} if keep else {})
        shown = await self.show(model)
        # Each kind of model is loaded by the question that it can answer, asked without words.
        embeds = "embedding" in shown.get("capabilities", ()) and "completion" not in shown.get("capabilities", ())
        path = "/api/embed" if embeds else "/api/generate"
        empty: dict[str, Any] = {"input": []} if embeds else {"stream": False}
        await self._ask("POST", path, body | empty, seconds=LOAD_SECONDS)

    async def unload(self, model: str) -> None:
        await self._ask("POST", "/api/generate", {"model": model, "keep_alive": 0, "stream": False})

    async def show(self, model: str) -> dict[str, Any]:
        return await self._ask("POST", "/api/show", {"model": model})

    async def duplicate(self, model: str, name: str) -> None:
        await self._ask("POST", "/api/copy", {"source": model, "destination": name})

    async def purge(self, model: str, digests: tuple[str, ...]) -> int:
        """As the protocol says; needs an agent, for Ollama has no word for it.

        Raises:
            Unsupported: there is no agent at the node.
        """
        if self.name not in self.givers:
            raise Unsupported("there is no agent; Ollama itself removes unfinished files when it starts")
        told = await self._ask("DELETE", COPY, {"model": model, "digests": list(digests)})
        freed = told.get("freed", 0)
        return freed if isinstance(freed, int) else 0

    # -- inside

    async def _steps(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Step]:
        """Progress until the node says success.

        Raises:
            PullFailed: the node says that it failed.
            NodeCut: it broke off.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=SILENCE_SECONDS)
        try:
            async with (
                self._asked("POST", path, body, within=limits) as answer,
                aclosing(_lines(answer)) as lines,
            ):
                async for line in lines:
                    step = _step(self.name, line)
                    yield step
                    if step.status == "success":
                        return
        except (aiohttp.ClientError, OSError) as exc:
            raise self._cut(exc) from exc
        raise NodeCut(f"{self.name} ended without success")

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float = ANSWER_SECONDS
    ) -> dict[str, Any]:
        limits = aiohttp.ClientTimeout(total=seconds, sock_connect=5.0)
        try:
            async with self._asked(method, path, body, within=limits) as answer:
                raw = await answer.content.read(_LONGEST_BODY) if answer.content_length != 0 else b""
                while more := await answer.content.read(_LONGEST_BODY):
                    raw += more
                    if len(raw) > _LONGEST_BODY:
                        raise PullFailed(f"{self.name}: its answer has no end")
        except (aiohttp.ClientError, OSError) as exc:
            raise self._cut(exc) from exc
        try:
            return parse_object(raw) if raw.strip() else {}
        except InvalidInput as exc:
            raise PullFailed(f"{self.name}: its answer cannot be read") from exc

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, within: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        data = None if body is None else dump_json(body)
        async with self.session.request(
            method, self.url + path, data=data, headers=headers, timeout=within, allow_redirects=False
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise await _refusal(self.name, answer)
            yield answer

    def _cut(self, exc: Exception) -> NodeCut:
        return NodeCut(f"{self.name}: {(str(exc) or type(exc).__name__)[:200]}")


async def _refusal(node: str, answer: aiohttp.ClientResponse) -> ClusterError:
    raw = await read_up_to(answer.content, 64 * 1024)
    try:
        fields = parse_object(raw)
        words = fields.get("error") or fields.get("detail")
    except InvalidInput:
        words = raw.decode("utf-8", "replace")
    said = str(words or http.client.responses.get(answer.status) or answer.status).strip()[:500]
    if answer.status == HTTPStatus.NOT_FOUND:
        return NotFound(f"{node}: {said}")
    if answer.status == HTTPStatus.NOT_IMPLEMENTED:
        return Unsupported(f"{node}: {said}")
    return PullFailed(f"{node}: {said}")


async def _lines(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    rest = b""
    async for chunk in answer.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        if len(rest) > _LONGEST_RECORD:
            raise PullFailed("its report has no end")
    if rest.strip():
        yield rest


def _step(node: str, line: bytes) -> Step:
    try:
        record = parse_object(line)
    except InvalidInput as exc:
        raise NodeCut(f"{node}: its report cannot be read") from exc
    if record.get("error"):
        # Too small a disk is no reason to try elsewhere; every other fault of a copy is.
        kind = DiskTooSmall if record.get("code") == DiskTooSmall.code else PullFailed
        raise kind(f"{node}: {str(record['error'])[:500]}")
    total, completed = record.get("total", 0), record.get("completed", 0)
    counted = isinstance(total, int) and isinstance(completed, int) and completed >= 0 and total >= 0
    digest = str(record.get("digest", ""))[:80] if counted else ""
    return Step(str(record.get("status", ""))[:200], digest, total if counted else 0, completed if counted else 0)


def _moment(told: object) -> float:
    """Unix seconds of a time as Ollama writes it, with nine digits after the point; 0 of anything else."""
    try:
        return max(0.0, datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(told))).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0.0


def _rows(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = told.get("models")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
