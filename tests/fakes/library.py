"""Models that come and go: pull, push, create, copy, delete, and the blobs that a create refers to."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.fakes.ask import Body, named
from tests.fakes.catalogue import Catalogue, Refused, digest
from tests.fakes.dialects import dumped
from tests.fakes.inference import Dies, send_body
from tests.fakes.knobs import Model
from tests.fakes.wire import BLOBS, LAST_CHUNK, Connection, Incoming, chunk, head

if TYPE_CHECKING:
    from tests.fakes.node import Node

METHODS: Final = {
    "/api/pull": ("POST",),
    "/api/push": ("POST",),
    "/api/create": ("POST",),
    "/api/copy": ("POST",),
    "/api/delete": ("DELETE",),
}
STEPS = 4


def serves(path: str) -> bool:
    return path in METHODS or path.startswith(BLOBS)


def progress(verb: str, model: Model) -> list[Body]:
    """Progress of one layer in four steps."""
    layer: Body = {"status": f"{verb} {digest(model)[:12]}", "digest": f"sha256:{digest(model)}", "total": model.size}
    return [layer | {"completed": model.size * step // STEPS} for step in range(1, STEPS + 1)]


@dataclass
class Library:
    """Changes the models of a node."""

    node: "Node"
    connection: Connection

    async def run(self, incoming: Incoming, body: Body) -> None:
        path = incoming.path
        if incoming.method not in METHODS.get(path, ("HEAD", "POST")):
            raise Refused(405, "405 method not allowed")
        if self.node.knobs.manage_status is not None:
            raise Refused(self.node.knobs.manage_status, "no space left on device")
        if path.startswith(BLOBS):
            await self.blob(incoming)
            return
        work = {"pull": self.pull, "push": self.push, "create": self.create, "copy": self.copy, "delete": self.delete}
        await work[path.removeprefix("/api/")](body)

    def keep(self, models: tuple[Model, ...]) -> None:
        self.node.knobs = self.node.knobs.model_copy(update={"models": models})

    async def empty(self, status: int = 200, *, head_only: bool = False) -> None:
        await send_body(self.connection, self.node.knobs.honest(), status, b"", head_only=head_only)

    async def delete(self, body: Body) -> None:
        gone = Catalogue(self.node.knobs, self.node.places).find(str(body.get("model") or body.get("name")))
        self.keep(tuple(model for model in self.node.knobs.models if model != gone))
        self.node.places.loaded.pop(gone.name, None)
        await self.empty()

    async def copy(self, body: Body) -> None:
        source = Catalogue(self.node.knobs, self.node.places).find(str(body["source"]))
        self.add(source.model_copy(update={"name": named(str(body["destination"]))}))
        await self.empty()

    def add(self, model: Model) -> None:
        others = tuple(one for one in self.node.knobs.models if one.name != model.name)
        self.keep((*others, model))

    async def pull(self, body: Body) -> None:
        """A name that begins with "no-such" is not in the registry; that comes after the first record."""
        model = Model(name=named(str(body.get("model") or body.get("name"))))
        rows: list[Body] = [{"status": "pulling manifest"}]
        if model.name.startswith("no-such"):
            await self.report(body, [*rows, {"error": "pull model manifest: file does not exist"}])
            return
        await self.report(body, [*rows, *progress("pulling", model), {"status": "success"}], adds=model)

    async def push(self, body: Body) -> None:
        """Only names with an owner are taken, as by the library."""
        name = str(body.get("model") or body.get("name"))
        rows: list[Body] = [{"status": "retrieving manifest"}]
        known = [model for model in self.node.knobs.models if model.name == named(name)]
        if not known:
            rows.append({"error": "couldn't retrieve manifest: file does not exist"})
        elif "/" not in name:
            rows.append({"error": "you are not authorized to push to this namespace"})
        else:
            rows += [*progress("pushing", known[0]), {"status": "pushing manifest"}, {"status": "success"}]
        await self.report(body, rows)

    async def create(self, body: Body) -> None:
        """From a model that stands here, or from blobs that were sent before."""
        files, source = body.get("files") or {}, body.get("from")
        if not files and not source:
            raise Refused(400, "neither 'from' or 'files' was specified")
        if missing := [one for one in files.values() if one not in self.node.blobs]:
            raise Refused(400, f"blob not found: {missing[0]}")
        known = [model for model in self.node.knobs.models if source and model.name == named(str(source))]
        name = named(str(body.get("model") or body.get("name")))
        model = (known[0] if known else Model(name="new")).model_copy(update={"name": name})
        rows: list[Body] = [{"status": "parsing GGUF"}] if files else []
        if source and not known:
            # Ollama fetches what it lacks.
            rows += progress("pulling", Model(name=named(str(source))))
        rows += [{"status": "writing manifest"}, {"status": "success"}]
        await self.report(body, rows, adds=model)

    async def report(self, body: Body, rows: Sequence[Body], adds: Model | None = None) -> None:
        """The rows as a stream, or the last one alone when none is wanted; then ``adds`` is there."""
        knobs = self.node.knobs
        if body.get("stream") is False:
            await asyncio.sleep(knobs.pull)
            self.finish(rows[-1], adds)
            await send_body(self.connection, knobs.honest(), 500 if "error" in rows[-1] else 200, dumped(rows[-1]))
            return
        headers = {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}
        await self.connection.write(head(200, headers))
        for number, row in enumerate(rows):
            if "completed" in row:
                await asyncio.sleep(knobs.pull / STEPS)
            if knobs.manage_dies_at == number:
                raise Dies("rst")
            self.finish(row, adds)
            await self.connection.write(chunk(dumped(row) + b"\n"))
        await self.connection.write(LAST_CHUNK)

    def finish(self, row: Body, adds: Model | None) -> None:
        if row.get("status") == "success" and adds is not None:
            self.add(adds)

    async def blob(self, incoming: Incoming) -> None:
        wanted = incoming.path.removeprefix(BLOBS)
        there = wanted in self.node.blobs
        if incoming.method == "HEAD":
            await self.empty(200 if there else 404, head_only=True)
        elif there:
            await self.empty(200)
        elif f"sha256:{incoming.digest}" != wanted:
            raise Refused(400, f"digest mismatch, expected {wanted!r}, got 'sha256:{incoming.digest}'")
        else:
            self.node.blobs.add(wanted)
            await self.empty(201)
