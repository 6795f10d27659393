"""Progress of pull, push and create: of one node as it speaks, of several with the name of each."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from backend.gateway.answers import Asked, ClientLeft, Header, raw_headers
from backend.gateway.failures import has_left, raced, tell_failures
from backend.gateway.managed import Visit, Work
from cluster_ai.core.wire import dump_json
from cluster_ai.gateway.managing.asks import Ask, Verb
from cluster_ai.gateway.managing.progress import Ended, Event, Reported
from cluster_ai.gateway.managing.questions import NodeFailed, Record
from cluster_ai.gateway.managing.targets import Plan

TAKE_SECONDS: Final = 60.0
"""A client that takes nothing for so long has gone without saying so."""
NDJSON: Final = "application/x-ndjson"


def reporting(verb: Verb) -> Work:
    """Does ``verb`` and reports it. A client that leaves stops the nodes; they go on when it returns."""

    async def work(visit: Visit) -> None:
        report = _Report(visit, *await visit.planned(verb))
        await raced(report.tell(), has_left(visit.asked))

    return work


@dataclass(slots=True)
class _Report:
    visit: Visit
    ask: Ask
    plan: Plan
    begun: bool = False
    done: list[str] = field(default_factory=list)
    failed: dict[str, NodeFailed] = field(default_factory=dict)

    @property
    def asked(self) -> Asked:
        return self.visit.asked

    @property
    def several(self) -> bool:
        return self.plan.each and len(self.plan.nodes) > 1

    async def tell(self) -> None:
        left = False
        async with self.visit.upkeep.progress(self.ask, self.plan) as events:
            # Caught here: the block would wrap it.
            try:
                async for event in events:
                    await self._heard(event)
            except ClientLeft:
                left = True
        if not left:
            with contextlib.suppress(ClientLeft):
                await self._end()

    async def _heard(self, event: Event) -> None:
        match event:
            case Reported(node, {"status": "success"} as record):
                self.done.append(node)
                # For clients that word is the end of everything.
                await self._line(node, {"status": f"done on {node}", "node": node} if self.several else record)
            case Reported(node, record):
                await self._line(node, {**record, "node": node} if self.several else record)
            case Ended(node, NodeFailed() as failure):
                self.failed[node] = failure
                # Clients stop at an error, and the other nodes with them: it is told when those are done.
                if self.several and self.begun:
                    await self._line(node, {"status": f"failed on {failure.message}", "node": node})

    async def _end(self) -> None:
        if self.begun:
            for node, failure in self.failed.items():
                await self._line(node, {"error": failure.message, "code": failure.code, "node": node})
            if self.several and not self.failed:
                await self._line("", {"status": "success"})
            await self.asked.end()
        elif self.failed:
            await tell_failures(self.asked, self.failed, done=tuple(self.done))
        else:
            await self.asked.say(HTTPStatus.OK, dump_json({"status": "success"}), headers=_at(self.done))

    async def _line(self, node: str, record: Record) -> None:
        if not self.ask.stream:
            return
        if not self.begun:
            self.begun = True
            names = self.plan.nodes if self.several else (node,)
            await self.asked.begin(HTTPStatus.OK, _head({"content-type": NDJSON} | _at(names)))
        try:
            async with asyncio.timeout(TAKE_SECONDS):
                line = dump_json(record) + b"\n"
                await self.asked.send({"type": "http.response.body", "body": line, "more_body": True})
        except TimeoutError as exc:
            raise ClientLeft from exc


def _at(nodes: list[str] | tuple[str, ...]) -> dict[str, str]:
    return {"x-cluster-node": ", ".join(nodes)}


def _head(fields: Mapping[str, str]) -> list[Header]:
    return raw_headers({**fields, "cache-control": "no-store", "x-accel-buffering": "no"})
