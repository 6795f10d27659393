"""Who may ask what at a machine's door. Pure, one table; what it does not name is refused."""

import re
from enum import StrEnum
from typing import Final

from cluster_ai.pki.types import PeerRole

PLAIN: Final = re.compile(r"^/[A-Za-z0-9._:@/-]*$")
"""Paths that mean the same to every reader: nothing escaped, nothing to resolve."""


class Behind(StrEnum):
    """What stands behind the door."""

    ENGINE = "engine"
    """The machine's Ollama, or our embedded node."""
    AGENT = "agent"
    """The agent itself."""


_ENGINE: Final[dict[str, tuple[str, ...]]] = {
    "GET": ("/", "/api/version", "/api/tags", "/api/ps", "/v1/models"),
    "HEAD": ("/", "/api/version", "/api/tags"),
    "POST": (
        "/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show", "/api/pull", "/api/copy",
        "/api/create", "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages",
    ),
    "DELETE": ("/api/delete",),
}  # fmt: skip
_BLOBS: Final = "/api/blobs/sha256:"
_OWN: Final = "/-/"
_SHARED: Final = ("/-/blobs/", "/-/models/")
"""What machines fetch from each other, to copy a model."""


def behind(role: PeerRole, method: str, target: str) -> Behind | None:
    """Where a request goes; None when that caller may not ask it.

    Args:
        role: of the caller, from its certificate.
        method: of the request.
        target: path and query as they stand in its first line.
    """
    path, _, _ = target.partition("?")
    if not PLAIN.fullmatch(path) or ".." in path or "//" in path:
        return None
    if path.startswith(_OWN):
        is_shared = method in {"GET", "HEAD"} and path.startswith(_SHARED)
        return Behind.AGENT if role is PeerRole.HEAD or is_shared else None
    if role is not PeerRole.HEAD:
        return None
    is_blob = method in {"HEAD", "POST"} and path.startswith(_BLOBS)
    return Behind.ENGINE if is_blob or path in _ENGINE.get(method, ()) else None
