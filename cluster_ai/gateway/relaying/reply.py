"""What a call is answered with."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.gateway.served import Served

JSON: Final = "application/json; charset=utf-8"
_PASSED: Final = ("content-type", "content-encoding", "retry-after", "x-cluster-warning")


async def nothing() -> AsyncIterator[bytes]:
    """The chunks of an answer in one piece."""
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk


@dataclass(slots=True)
class Reply:
    """A node's answer: in one piece, or as it is written."""

    status: int
    headers: Mapping[str, str]
    served: Served
    whole: bytes | None = None
    chunks: AsyncIterator[bytes] = field(default_factory=nothing)
    """Whole records only. Raises ``Broken``."""


def passed(headers: Mapping[str, str]) -> dict[str, str]:
    """Of a node's headers those that its client may see."""
    return {name: headers[name] for name in _PASSED if name in headers}
