"""What a fake node answers on each path."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes import ask as asks
from tests.fakes import embeddings, library
from tests.fakes.catalogue import Catalogue, Refused
from tests.fakes.dialects import dumped
from tests.fakes.inference import Dies, Inference, send_body
from tests.fakes.knobs import Knobs, Request
from tests.fakes.wire import Connection, Incoming

if TYPE_CHECKING:
    from tests.fakes.node import Node

PROBES = ("/", "/api/tags", "/api/ps", "/api/version", "/api/show", "/v1/models")
OLLAMA = ("/api/chat", "/api/generate")
OPENAI = ("/v1/chat/completions", "/v1/completions")


@dataclass
class Answers:
    """Answers one request."""

    node: "Node"
    connection: Connection
    incoming: Incoming

    @property
    def openai(self) -> bool:
        return self.incoming.path.startswith("/v1/")

    def is_probe(self) -> bool:
        return self.incoming.path in PROBES or self.incoming.path.startswith("/v1/models/")

    async def probe(self) -> None:
        knobs = self.node.knobs
        await asyncio.sleep(knobs.probe_delay)
        if knobs.probe in {"hang", "fin", "rst"}:
            raise Dies({"hang": "stall", "fin": "fin", "rst": "rst"}[knobs.probe])  # type: ignore[arg-type]
        if knobs.probe_status is not None:
            await self.refuse(Refused(knobs.probe_status, "the node is not well"))
            return
        try:
            body = b"<html>not what was asked" if knobs.probe == "garbage" else self.told()
        except Refused as refused:
            await self.refuse(refused)
            return
        await self.send(200, body, knobs)

    def told(self) -> bytes:
        """Body of a probe's answer.

        Raises:
            Refused: no such model.
        """
        told, path = Catalogue(self.node.knobs, self.node.places), self.incoming.path
        if path == "/api/show":
            fields = self.fields()
            return told.show(str(fields.get("model") or fields.get("name") or ""))
        if path.startswith("/v1/models/"):
            return told.v1_model(path.removeprefix("/v1/models/").replace("%3A", ":"))
        if path == "/":
            return b"Ollama is running"
        return {"/api/tags": told.tags, "/api/ps": told.ps, "/api/version": told.version}.get(path, told.v1_models)()

    def fields(self) -> asks.Body:
        try:
            return self.incoming.json()
        except ValueError as error:
            raise Refused(400, f"invalid JSON: {error}") from error

    async def send(self, status: int, body: bytes, knobs: Knobs) -> None:
        honest = knobs.model_copy(update={"length": None})
        await send_body(self.connection, honest, status, body, head_only=self.incoming.method == "HEAD")

    async def refuse(self, refused: Refused) -> None:
        await self.send(refused.status, refused.body(openai=self.openai), self.node.knobs)

    async def inference(self, record: Request) -> None:
        """Everything that is no probe.

        Raises:
            Refused, Busy: an answer of 4xx or 5xx. Dies: a fault. Gone: the client left.
        """
        path = self.incoming.path
        if library.serves(path):
            await library.Library(self.node, self.connection).run(self.incoming, self.fields())
            return
        if path not in (*OLLAMA, *OPENAI, *embeddings.PATHS):
            raise Refused(404, "404 page not found")
        if self.incoming.method != "POST":
            raise Refused(405, "405 method not allowed")
        await self.generation(path, record)

    async def generation(self, path: str, record: Request) -> None:
        fields = self.fields()
        try:
            record.model = asks.named(str(fields["model"]))
            if path in embeddings.PATHS:
                embeddings.texts(fields)
                keep_alive = asks.seconds(fields.get("keep_alive"))
                ask = asks.Ask(record.model, prompt=(), openai=self.openai, keep_alive=keep_alive)
            else:
                ask = (asks.from_openai if path in OPENAI else asks.from_ollama)(path, fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(400, f"invalid request: {error!r}") from error
        self.check(ask, embeds=path in embeddings.PATHS)
        knobs = self.node.faults()
        self.node.counters.started += 1
        if await self.failed(knobs, ask.model, record):
            return
        if path in embeddings.PATHS:
            await self.embed(path, fields, knobs, ask)
        elif not ask.prompt and ask.keep_alive == 0:
            await self.unload(ask)
        else:
            await Inference(self.node, knobs, self.connection, ask, record).run()

    def check(self, ask: asks.Ask, *, embeds: bool) -> None:
        model = Catalogue(self.node.knobs, self.node.places).find(ask.model)
        if not embeds and "completion" not in model.capabilities:
            raise Refused(400, f'"{ask.model}" does not support chat')

    async def failed(self, knobs: Knobs, model: str, record: Request) -> bool:
        """The faults that come before the first byte; True when one answered."""
        if knobs.die_before is None and knobs.status is None and model not in knobs.missing:
            return False
        await asyncio.sleep(knobs.fault_delay)
        if knobs.die_before is not None:
            raise Dies(knobs.die_before)
        missing = Refused(404, f"model '{model}' not found")
        await self.refuse(missing if knobs.status is None else Refused(knobs.status, "the node failed"))
        record.outcome = "fault"
        return True

    async def embed(self, path: str, fields: asks.Body, knobs: Knobs, ask: asks.Ask) -> None:
        async with self.node.places.slot(), self.node.places.model(ask.model, ask.keep_alive):
            await asyncio.sleep(knobs.ttft)
            body = embeddings.answered(path, fields, knobs.wrong_model or str(fields["model"]))
            if knobs.die_after is not None:
                raise Dies(knobs.die_how)
            await self.node.thawed()
            await send_body(self.connection, knobs, 200, body if knobs.malformed_at is None else body[:-9])

    async def unload(self, ask: asks.Ask) -> None:
        """Ollama's way to free a model: nothing to say and no time to keep it."""
        async with self.node.places.model(ask.model, 0):
            fields = {"model": ask.model, "response": "", "done": True, "done_reason": "unload"}
        await self.send(200, dumped(fields), self.node.knobs)
