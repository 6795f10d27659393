"""Where a node listens: one port for its whole life, whatever happens at it."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.knobs import Listen

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


def bound(port: int = 0) -> socket.socket:
    # Named as TCP, or asyncio leaves Nagle on: a record then waits for the other side's delayed acknowledgement.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.setblocking(False)
    return sock


@dataclass
class Listener:
    """Opens and closes the door.

    A bound socket that never listens keeps the port: connections to it are refused by the kernel, and nobody else
    is given it meanwhile.
    """

    serve: Serve
    keeper: socket.socket = field(default_factory=bound)
    mode: Listen = "refuse"
    server: asyncio.Server | None = None
    silent: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.keeper.getsockname()[1])

    async def set(self, mode: Listen) -> None:
        """Change what new connections meet. Those that stand are left alone."""
        if mode == self.mode:
            return
        self.close()
        self.mode = mode
        if mode in {"up", "reset"}:
            self.server = await asyncio.start_server(self.serve, sock=bound(self.port), backlog=1024)
        elif mode == "hang":
            self._listen(1024)
        elif mode == "blackhole":
            await self._fill()

    def _listen(self, backlog: int) -> None:
        sock = bound(self.port)
        sock.listen(backlog)
        self.silent.append(sock)

    async def _fill(self) -> None:
        """A full accept queue makes the kernel drop further SYNs: nothing answers, as from a machine that is off."""
        self._listen(0)
        filling = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        filling.setblocking(False)
        self.silent.append(filling)
        await asyncio.get_running_loop().sock_connect(filling, ("127.0.0.1", self.port))

    def take_no_more(self) -> None:
        """Leave connections to the kernel; those that the loop has taken arrive in its next turns.

        To close at once would lose a connection that asyncio has taken and not handed over: nobody would close it.
        """
        loop = asyncio.get_running_loop()
        if self.server is not None and isinstance(loop, asyncio.SelectorEventLoop):
            for sock in self.server.sockets:
                loop.remove_reader(sock.fileno())

    def close(self) -> None:
        """Refuse from now on."""
        if self.server is not None:
            self.server.close()
        for sock in self.silent:
            sock.close()
        self.server, self.mode = None, "refuse"
        self.silent.clear()

    def release(self) -> None:
        """Give the port back."""
        self.close()
        self.keeper.close()
