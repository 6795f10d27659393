"""One fake node: its connections, what answers on each path, and who watches for clients that leave."""

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Awaitable
from hashlib import sha256
from typing import Any

from tests.fakes.answers import Answers
from tests.fakes.catalogue import Refused
from tests.fakes.inference import Dies
from tests.fakes.knobs import Counters, Cut, Knobs, Request
from tests.fakes.listener import Listener
from tests.fakes.places import Busy, Places
from tests.fakes.wire import Broken, Connection, Gone, Incoming, delivered

LOGGED = 1000
BUSY = "server busy, please try again.  maximum pending requests exceeded"


class Node:
    """A node with its knobs and counters. ``open()`` it before use, ``close()`` it after."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.knobs = Knobs()
        self.counters = Counters()
        self.places = Places(lambda: self.knobs, self.counters)
        self.blobs: set[str] = set()
        self.log: deque[Request] = deque(maxlen=LOGGED)
        self.listener = Listener(self.accept)
        self.open_connections: dict[Connection, asyncio.Task[Any]] = {}
        self.numbers = itertools.count(1)
        self.moving = asyncio.Event()
        self.faulty_asked = 0
        self.faults_left: int | None = None

    async def open(self) -> None:
        self.moving.set()
        await self.listener.set("up")

    async def close(self) -> None:
        self.listener.release()
        await self.abandon()

    async def kill(self, how: Cut) -> None:
        """As when the process dies; ``set(listen="up")`` starts it again on the same port."""
        await self.set({"listen": "refuse"})
        self.cut(how)
        await self.abandon()
        self.places.forget()

    async def abandon(self) -> None:
        tasks = list(self.open_connections.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def set(self, changes: dict[str, Any]) -> None:
        """Change some knobs; None puts a knob back to its default.

        Raises:
            ValidationError: no such knob, or not such a value.
        """
        defaults = {name: field.get_default() for name, field in Knobs.model_fields.items()}
        wanted = {name: defaults.get(name) if value is None else value for name, value in changes.items()}
        self.knobs = Knobs.model_validate(self.knobs.model_dump() | wanted)
        self.faulty_asked, self.faults_left = 0, self.knobs.fault_times
        (self.moving.clear if self.knobs.frozen else self.moving.set)()
        await self.listener.set(self.knobs.listen)
        self.places.admit()

    def cut(self, how: Cut) -> int:
        """End all connections now; how many there were."""
        for connection in (standing := list(self.open_connections)):
            connection.cut = True
            connection.end(how)
        return len(standing)

    def reset(self) -> None:
        """Counters to zero, except what is true now."""
        now = self.counters
        for name in Counters.model_fields:
            if name not in {"open_connections", "in_flight", "queued"}:
                setattr(now, name, Counters.model_fields[name].get_default(call_default_factory=True))
        now.paths = {}
        self.log.clear()

    def counted(self) -> Counters:
        self.places.expire()
        told = {"loaded": tuple(self.places.loaded), "log": tuple(self.log)}
        return self.counters.model_copy(update=told)

    async def thawed(self) -> None:
        await self.moving.wait()

    def faults(self) -> Knobs:
        """The knobs for the next inference: with their faults, or honest when it is not this one's turn."""
        asked, share = self.faulty_asked, self.knobs.fault_share
        self.faulty_asked += 1
        # Spread evenly, not by chance: a share of 0.25 is every fourth request.
        turn = int((asked + 1) * share) > int(asked * share)
        if not turn or self.faults_left == 0:
            return self.knobs.honest()
        if self.faults_left is not None:
            self.faults_left -= 1
        return self.knobs

    def _sent(self, count: int) -> None:
        self.counters.bytes_out += count

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection in a task of its own. It is known from here on: a node that ends cancels tasks that
        have not taken their first step yet, and asyncio would neither close those connections nor keep quiet.
        """
        self.counters.connections += 1
        connection = Connection(reader, writer, self.counters.connections, self._sent)
        if self.knobs.listen == "reset":
            connection.end("rst")
            return
        task = asyncio.create_task(self.serve(connection))
        task.add_done_callback(lambda task: self.served(connection, task))
        self.open_connections[connection] = task
        self.counters.open_connections = len(self.open_connections)

    def served(self, connection: Connection, task: asyncio.Task[None]) -> None:
        self.forget(connection)
        if task.cancelled():
            connection.end("rst")
        elif error := task.exception():
            context = {"message": f"node {self.name} failed", "exception": error}
            task.get_loop().call_exception_handler(context)

    def forget(self, connection: Connection) -> None:
        self.open_connections.pop(connection, None)
        self.counters.open_connections = len(self.open_connections)

    async def serve(self, connection: Connection) -> None:
        """One connection to its end."""
        try:
            await self.converse(connection)
        except (Gone, Broken, TimeoutError):
            connection.end("fin")
        except Dies as fault:
            await self.die(connection, fault.how)
        except asyncio.CancelledError:
            # Only abandon() cancels: the node ends.
            if not connection.writer.is_closing():
                connection.end("rst")
        finally:
            self.forget(connection)

    async def die(self, connection: Connection, how: Cut) -> None:
        await delivered(connection.writer)
        connection.end(how)
        if how == "stall":
            try:
                await connection.until_gone()
            except asyncio.CancelledError:
                # Only abandon() cancels: the node ends while a client still waits for its silence to be over.
                connection.end("rst")
                return
            connection.end("fin")

    async def converse(self, connection: Connection) -> None:
        while True:
            if not connection.ahead:
                async with asyncio.timeout(self.knobs.idle_close or None):
                    await connection.more()
            connection.take = self.knobs.take
            incoming = await connection.request()
            await self.thawed()
            if self.knobs.drop_reused and connection.requests > 1:
                raise Dies("fin")
            connection.slice = self.knobs.slice
            self.counters.requests += 1
            self.counters.paths[incoming.path] = self.counters.paths.get(incoming.path, 0) + 1
            await self.respond(connection, incoming)
            if self.knobs.close_after or incoming.headers.get("connection", "").lower() == "close":
                connection.end("fin")
                return

    async def respond(self, connection: Connection, incoming: Incoming) -> None:
        answers = Answers(self, connection, incoming)
        if answers.is_probe():
            await answers.probe()
            return
        record = self.recorded(connection, incoming)
        try:
            await self.watched(connection, record, answers.inference(record))
            record.outcome = "done" if record.outcome == "open" else record.outcome
        except (Refused, Busy) as error:
            record.outcome = "refused"
            self.counters.refused += 1
            await answers.refuse(error if isinstance(error, Refused) else Refused(503, BUSY))
        except (Dies, asyncio.CancelledError):
            record.outcome = "fault"
            raise
        except Gone:
            record.outcome = "fault" if connection.cut else "cancelled"
            raise
        finally:
            record.ended = time.monotonic()
            self.counters.done += record.outcome == "done"
            self.counters.faults += record.outcome == "fault"
            self.counters.cancelled += record.outcome == "cancelled"

    async def watched(self, connection: Connection, record: Request, work: Awaitable[None]) -> None:
        """Do the work while looking whether the client is still there.

        Raises:
            Gone: it left, and the node hears such things.
        """
        watcher = asyncio.create_task(connection.until_gone())
        job = asyncio.ensure_future(work)
        try:
            await asyncio.wait({watcher, job}, return_when=asyncio.FIRST_COMPLETED)
            if not job.done() and self.knobs.hears_cancel:
                await self.thawed()
                raise Gone
            await job
        finally:
            for task in (watcher, job):
                task.cancel()
                # The outcome was looked at above; here both only come to rest.
                with contextlib.suppress(asyncio.CancelledError, Gone, Dies, Refused, Busy):
                    await task

    def recorded(self, connection: Connection, incoming: Incoming) -> Request:
        record = Request(
            number=next(self.numbers),
            connection=connection.number,
            at=time.monotonic(),
            method=incoming.method,
            path=incoming.path,
            headers=dict(incoming.headers),
            body_sha256=incoming.digest or sha256(incoming.body).hexdigest(),
        )
        with contextlib.suppress(ValueError):
            record.body = incoming.json() if len(incoming.body) < 65_536 else None
        self.log.append(record)
        return record
