"""When a connection is read: uvicorn's flow control, which tells when reading goes on."""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl


class Reading(FlowControl):
    """``resumed`` is called when a connection that was not read for a while is read again."""

    def __init__(self, transport: asyncio.Transport, resumed: Callable[[], None]) -> None:
        super().__init__(transport)
        self._resumed = resumed

    def resume_reading(self) -> None:
        if self.read_paused:
            super().resume_reading()
            self._resumed()

    def close(self) -> None:
        """Nobody is told any more."""
        # Who is told holds this, and requests that are long over may hold it, too.
        self._resumed = _nothing


def _nothing() -> None:
    pass
