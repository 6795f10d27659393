"""The sockets that parts listen on: held here, so that they outlive the processes that accept on them."""

import socket
from types import TracebackType
from typing import Self

from cluster_ai.core.sockets import bind
from cluster_ai.supervisor.types import PartSpec

Address = tuple[str, int]


class Listeners:
    """By address. A socket is open as long as a part holds it: one that has given up must not let anybody wait."""

    def __init__(self) -> None:
        self._sockets: dict[Address, socket.socket] = {}
        self._holders: dict[Address, set[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sock in self._sockets.values():
            sock.close()

    def held_by(self, part: PartSpec) -> int | None:
        """The number of the part's socket, opened when it is the first to need it; None when it listens by itself.

        Raises:
            PortTaken: another program has the port.
        """
        if part.listens is None:
            return None
        if part.listens not in self._sockets:
            self._sockets[part.listens] = bind(*part.listens)
        self._holders.setdefault(part.listens, set()).add(part.name)
        return self._sockets[part.listens].fileno()

    def let_go(self, part: PartSpec) -> None:
        """The part will accept nothing more. With its last holder the socket is closed, and clients are refused."""
        if part.listens is None:
            return
        holders = self._holders.get(part.listens, set())
        holders.discard(part.name)
        if not holders and (sock := self._sockets.pop(part.listens, None)):
            sock.close()
