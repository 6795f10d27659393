"""What a client says to an SSH server, seen on the wire between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

NEWKEYS = 21
"""The last message that is not encrypted."""


class Ear:
    """Counts what the client sends once its side is encrypted: everything up to then is agreement on keys."""

    def __init__(self) -> None:
        self.after = 0
        self.spoke_in_clear = b""
        self._buffer = b""
        self._greeted = False
        self._encrypted = False

    def hear(self, data: bytes) -> None:
        self._buffer += data
        if not self._greeted:
            self.spoke_in_clear, end, rest = self._buffer.partition(b"\n")
            if not end:
                return
            self._greeted, self._buffer = True, rest
        while not self._encrypted and len(self._buffer) >= 6:
            length = int.from_bytes(self._buffer[:4], "big") + 4
            if len(self._buffer) < length:
                return
            self._encrypted = self._buffer[5] == NEWKEYS
            self._buffer = self._buffer[length:]
        if self._encrypted:
            self.after += len(self._buffer)
            self._buffer = b""

    @property
    def agreed(self) -> bool:
        return self._encrypted


@asynccontextmanager
async def relayed(port: int) -> AsyncIterator[tuple[int, Ear]]:
    """A port that leads to ``port`` of this machine."""
    ear = Ear()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_carry(reader, back, ear))
                group.create_task(_carry(there, writer, None))
        finally:
            for end in (writer, back):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], ear
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ear: Ear | None) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            if ear:
                ear.hear(data)
            writer.write(data)
            await writer.drain()
    # Also after a reset: the other side waits for an end.
    with suppress(OSError):
        writer.write_eof()
