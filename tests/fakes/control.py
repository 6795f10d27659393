"""The control port: ``/_ctl`` speaks for all nodes, also for those that refuse connections.

GET  /_ctl                      -> {"nodes": [{"name", "url"}]}
GET  /_ctl/<n>                  -> {"knobs": {...}, "counters": {...}}
POST /_ctl/<n>       {knobs}    -> the same; null sets a knob back
POST /_ctl/<n>/reset            -> counters at zero
POST /_ctl/<n>/default          -> every knob at its default
POST /_ctl/<n>/cut   {"how"}    -> {"cut": connections ended}
POST /_ctl/<n>/forget           -> no model in memory
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tests.fakes.knobs import Knobs
from tests.fakes.node import Node
from tests.fakes.wire import Broken, Connection, Gone, Incoming, head


class Wrong(Exception):
    """The control was asked for something that is not there."""


@dataclass(frozen=True)
class Control:
    """Reads and sets the nodes of one process."""

    nodes: Sequence[Node]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, 0, lambda _: None)
        try:
            while True:
                status, told = await self.answered(await connection.request())
                body = json.dumps(told).encode()
                headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
                await connection.write(head(status, headers) + body)
        except (Gone, Broken):
            connection.end("fin")
        except asyncio.CancelledError:
            # The process ends; asyncio's streams would report a cancelled callback.
            connection.end("rst")

    async def answered(self, incoming: Incoming) -> tuple[int, Any]:
        try:
            return 200, await self.told(incoming)
        except (Wrong, ValueError) as error:
            text = str(error.errors(include_url=False)) if isinstance(error, ValidationError) else str(error)
            return 400, {"error": text}

    async def told(self, incoming: Incoming) -> Any:
        match incoming.path.strip("/").split("/"):
            case ["_ctl"]:
                return {"nodes": [{"name": node.name, "url": url(node)} for node in self.nodes]}
            case ["_ctl", number, *rest] if number.isdecimal() and int(number) < len(self.nodes):
                node = self.nodes[int(number)]
                if incoming.method == "POST":
                    return await self.act(node, rest, incoming.json())
                return shown(node)
            case _:
                raise Wrong(f"{incoming.path}: there are {len(self.nodes)} nodes, /_ctl/0 the first")

    async def act(self, node: Node, verb: list[str], fields: dict[str, Any]) -> Any:
        match verb:
            case []:
                await node.set(fields)
            case ["reset"]:
                node.reset()
            case ["default"]:
                node.blobs.clear()
                await node.set(dict.fromkeys(Knobs.model_fields))
            case ["cut"] if fields.get("how") in {"fin", "rst"}:
                return {"cut": node.cut(fields["how"])}
            case ["kill"] if fields.get("how") in {"fin", "rst"}:
                await node.kill(fields["how"])
            case ["forget"]:
                node.places.forget()
            case _:
                raise Wrong(f"no such action: {'/'.join(verb)} {fields}")
        return shown(node)


def url(node: Node) -> str:
    return f"http://127.0.0.1:{node.listener.port}"


def shown(node: Node) -> dict[str, Any]:
    return {"knobs": node.knobs.model_dump(mode="json"), "counters": node.counted().model_dump(mode="json")}
