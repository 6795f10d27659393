"""Many clients at once."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.fakes.raw import MODEL, Heard, hear
from tests.gateway.door import HI, Door, request
from tests.waiting import until


@contextmanager
def asking(door: Door, count: int, **fields: Any) -> Iterator[list[Future[Heard]]]:
    """So many chats at once; all have been answered when the block has ended."""
    with ThreadPoolExecutor(count) as pool:
        yield [pool.submit(door.ask, "/api/chat", HI | fields, timeout=60) for _ in range(count)]


def warm(door: Door) -> None:
    """Every node of the door has the model in memory, and the gateway knows."""
    for node in door.nodes:
        hear(node, request("/api/generate", {"model": MODEL, "stream": False}))
    until(
        lambda: all(any(m.loaded for m in row.models if m.name == MODEL) for row in door.state().upstreams),
        what="all have it in memory",
    )
