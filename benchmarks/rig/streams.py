"""Many streams at once, as cheap for the client as can be: when each token came, and whether the answer was whole."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.rig.results import percentile

TOKEN = b'"done":false'
END = b'"done":true'
SPREAD_SECONDS = 1.0
"""The streams of a round begin over this time, as clients do, not in one instant."""


class Stream(asyncio.Protocol):
    """One client. ``ended`` is true when the answer was whole."""

    def __init__(self, port: int, model: str) -> None:
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
        head = f"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        self.request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self.at: list[float] = []
        self.status = b""
        self.ended = False
        self.began = 0.0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.began = time.perf_counter()
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self.status = self.status or data[9:12]
        self.at += [now] * data.count(TOKEN)
        self.ended = self.ended or END in data

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed.set_result(None)


@dataclass
class Figures:
    """Of all rounds of one kind. Seconds."""

    first: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    failed: int = 0
    refused: int = 0
    """Told to come back later: 429 or 503, before any token."""
    tokens: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    def add(self, streams: Sequence[Stream], *, rate: float, tokens: int) -> None:
        for stream in streams:
            if stream.status in {b"429", b"503"}:
                self.refused += 1
            elif not stream.ended or len(stream.at) != tokens:
                self.failed += 1
            else:
                self.first.append(stream.at[0] - stream.began)
                # When each token was due, counted from the first: what is later is lag.
                self.lag += [max(0.0, at - stream.at[0] - number / rate) for number, at in enumerate(stream.at)]
        self.tokens += sum(len(stream.at) for stream in streams)

    def table(self) -> dict[str, float]:
        return {
            "first byte p50, ms": percentile(self.first, 0.5) * 1000,
            "first byte p99, ms": percentile(self.first, 0.99) * 1000,
            "token lag p50, ms": percentile(self.lag, 0.5) * 1000,
            "token lag p99, ms": percentile(self.lag, 0.99) * 1000,
            "tokens per second": self.tokens / self.seconds,
            "refused": float(self.refused),
            "failed streams": float(self.failed),
        }


async def one_round(ports: Sequence[int], count: int, model: str) -> list[Stream]:
    """``count`` streams, in turns to these ports, to their end."""
    loop = asyncio.get_running_loop()

    async def one(number: int) -> Stream:
        await asyncio.sleep(number / count * SPREAD_SECONDS)
        port = ports[number % len(ports)]
        _, stream = await loop.create_connection(lambda: Stream(port, model), "127.0.0.1", port)
        await stream.closed
        return stream

    return list(await asyncio.gather(*(one(number) for number in range(count))))
