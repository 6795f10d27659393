"""Who may ask what of the agent, and what answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from cluster_ai.core.asgi.leaving import ClientLeft, until_left
from cluster_ai.core.errors import ClusterError, Forbidden, NotFound
from cluster_ai.node_agent.api.asked import Asked, Receive, Scope, Send
from cluster_ai.pki.types import PeerRole

log = structlog.get_logger(__name__)

Answers = Callable[[Asked], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
FILES: Final = ("/-/models/", "/-/blobs/")
"""Read by every machine of the cluster, which may copy a model from this one."""
COPIES: Final = "/-/copies"
LOOKS: Final = frozenset({"/-/health", "/-/state"})


@dataclass(frozen=True, slots=True)
class Rooms:
    """What answers what. ``files`` is an application of its own; None where this machine has no files of models."""

    health: Answers
    state: Answers
    logs: Answers
    execute: Answers
    load: Answers
    unload: Answers
    files: App | None = None

    def of(self, method: str, path: str) -> Answers | None:
        """None when there is nothing."""
        if path.startswith(FILES) or path == COPIES:
            return self._files
        return self._table().get(("GET" if method == "HEAD" else method, path))

    def _table(self) -> dict[tuple[str, str], Answers]:
        return {
            ("GET", "/-/health"): self.health,
            ("GET", "/-/state"): self.state,
            ("GET", "/-/logs"): self.logs,
            ("POST", "/-/exec"): self.execute,
            ("POST", "/-/load"): self.load,
            ("POST", "/-/unload"): self.unload,
        }

    async def _files(self, asked: Asked) -> None:
        if self.files is None:
            raise NotFound("this machine has no files of models to give")
        await asked.hand_over(self.files)


def may(role: PeerRole | None, method: str, path: str) -> bool:
    """The head may all; other machines may read files of models. Pure; the machine's door asks the same before.

    None is this machine's own user, who may look: what is done is done for the head alone.
    """
    reads = method in {"GET", "HEAD"}
    match role:
        case PeerRole.HEAD:
            return True
        case PeerRole.NODE:
            return reads and path.startswith(FILES)
        case None:
            return reads and path in LOOKS


class AgentApi:
    """The application. Work that its caller does not wait for any more ends."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        asked = Asked(scope, receive, send)
        try:
            with until_left(scope):
                await self._answer(asked)
        except ClientLeft:
            pass
        except ClusterError as exc:
            await asked.refuse(exc)

    async def _answer(self, asked: Asked) -> None:
        peer = asked.peer
        if not may(peer.role if peer else None, asked.method, asked.path):
            who = peer.uri if peer else "this machine's user"
            log.warning("refused by the agent", who=who, method=asked.method, path=asked.path[:80])
            raise Forbidden("only the head may ask that of a machine")
        answers = self._rooms.of(asked.method, asked.path)
        if answers is None:
            raise NotFound("there is nothing at this path of the agent")
        await answers(asked)
