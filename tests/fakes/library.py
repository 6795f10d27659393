"""Models that come and go: ``/api/pull``, ``/api/delete``, ``/api/copy``."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes.ask import Body, named
from tests.fakes.catalogue import Catalogue, Refused, digest
from tests.fakes.dialects import dumped
from tests.fakes.inference import send_body
from tests.fakes.knobs import Model
from tests.fakes.wire import LAST_CHUNK, Connection, chunk, head

if TYPE_CHECKING:
    from tests.fakes.node import Node

PATHS = ("/api/pull", "/api/delete", "/api/copy")
STEPS = 4


@dataclass
class Library:
    """Changes the models of a node."""

    node: "Node"
    connection: Connection

    async def run(self, path: str, body: Body) -> None:
        await {"/api/pull": self.pull, "/api/delete": self.delete, "/api/copy": self.copy}[path](body)

    def keep(self, models: tuple[Model, ...]) -> None:
        self.node.knobs = self.node.knobs.model_copy(update={"models": models})

    async def delete(self, body: Body) -> None:
        gone = Catalogue(self.node.knobs, self.node.places).find(str(body.get("model") or body.get("name")))
        self.keep(tuple(model for model in self.node.knobs.models if model != gone))
        self.node.places.loaded.pop(gone.name, None)
        await send_body(self.connection, self.node.knobs.honest(), 200, b"")

    async def copy(self, body: Body) -> None:
        source = Catalogue(self.node.knobs, self.node.places).find(str(body["source"]))
        self.add(source.model_copy(update={"name": named(str(body["destination"]))}))
        await send_body(self.connection, self.node.knobs.honest(), 200, b"")

    def add(self, model: Model) -> None:
        others = tuple(one for one in self.node.knobs.models if one.name != model.name)
        self.keep((*others, model))

    async def pull(self, body: Body) -> None:
        """Progress in four steps; a name that begins with "no-such" is not in the registry."""
        model = Model(name=named(str(body.get("model") or body.get("name"))))
        if model.name.startswith("no-such"):
            raise Refused(500, "pull model manifest: file does not exist")
        layer: Body = {
            "status": f"pulling {digest(model)[:12]}",
            "digest": f"sha256:{digest(model)}",
            "total": model.size,
        }
        steps = [layer | {"completed": model.size * step // STEPS} for step in range(1, STEPS + 1)]
        rows: list[Body] = [{"status": "pulling manifest"}, *steps, {"status": "success"}]
        if body.get("stream") is False:
            await asyncio.sleep(self.node.knobs.pull)
            self.add(model)
            await send_body(self.connection, self.node.knobs.honest(), 200, dumped({"status": "success"}))
            return
        headers = {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}
        await self.connection.write(head(200, headers))
        for row in rows:
            if "completed" in row:
                await asyncio.sleep(self.node.knobs.pull / STEPS)
            if row["status"] == "success":
                self.add(model)
            await self.connection.write(chunk(dumped(row) + b"\n"))
        await self.connection.write(LAST_CHUNK)
