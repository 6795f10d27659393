"""Lines as parts write them, and a store to put them into."""

import json
from pathlib import Path
from typing import Any

from cluster_ai.logs.files import Place
from cluster_ai.logs.query import parse
from cluster_ai.logs.store import LogStore
from cluster_ai.logs.types import Entry, LogLine

NOW = 1_800_000_000.0
MOST = 2**62


def line(event: str, *, level: str = "info", at: str = "2027-01-15T08:00:00Z", **more: Any) -> bytes:
    return json.dumps({"event": event, "level": level, "timestamp": at, "component": "x", **more}).encode()


def entry(text: str, *, at: float = NOW, level: int = 20, part: str = "gateway", **more: Any) -> Entry:
    return Entry(int(at * 1e6), level, part, more.pop("node", "box"), text, json.dumps(more))


async def found(store: LogStore, query: str, *, before: int = MOST, limit: int = 500) -> tuple[LogLine, ...]:
    return await store.before(parse(query, now=NOW), number=before, limit=limit)


async def texts(store: LogStore, query: str) -> list[str]:
    return [one.text for one in await found(store, query)]


def write(path: Path, *lines: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"".join(one + b"\n" for one in lines))


def places(pieces: Any) -> dict[tuple[int, int], Place]:
    return {piece.place.id: piece.place for piece in pieces}
