"""Heads of answers that leave together with what follows them: for a short answer that is one system call of two."""

import asyncio
from typing import Any, Final

from cluster_ai.core.asgi.shown import shown_by

_BEGINS: Final = b"HTTP/1.1 "
_ENDS: Final = b"\r\n\r\n"


class JoinedHeads(asyncio.Transport):
    """``transport`` for an HTTP/1.1 server.

    A head is held back until the next piece of its answer, and no longer than until the event loop's next turn: an
    answer whose body is not there yet shows its head.
    """

    __slots__ = ("_held", "_loop", "raw")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.raw = transport
        """For a protocol that is not HTTP."""
        self._loop = loop
        self._held = b""

    @property
    def shown(self) -> tuple[str, ...] | None:
        """The certificate that the client showed, as ``shown_by`` answers it."""
        return shown_by(self.raw)

    def write(self, data: Any) -> None:
        if self._held:
            held, self._held = self._held, b""
            self.raw.writelines((held, data))
        elif data.startswith(_BEGINS) and data.endswith(_ENDS):
            self._held = data
            self._loop.call_soon(self._let_go)
        else:
            self.raw.write(data)

    def _let_go(self) -> None:
        held, self._held = self._held, b""
        if held and not self.raw.is_closing():
            self.raw.write(held)

    def close(self) -> None:
        self._let_go()
        self.raw.close()

    def abort(self) -> None:
        self._held = b""
        self.raw.abort()

    def is_closing(self) -> bool:
        return self.raw.is_closing()

    def pause_reading(self) -> None:
        self.raw.pause_reading()

    def resume_reading(self) -> None:
        self.raw.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self.raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.raw.get_extra_info(name, default)
