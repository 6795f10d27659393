"""Where attempts are handed in: a part of the scheduler, beside the one for jobs and for the same reason.

The scheduler unpickles what workers answer, as every client of Dask does; the API asks it in plain values, so that a
stolen worker cannot reach into the process that holds accounts and keys. Nothing is kept here: after a restart the
dispatcher looks at what is held, and hands in again what nobody has begun.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import structlog
from distributed import Client, fire_and_forget
from distributed.core import Status
from distributed.diagnostics.plugin import SchedulerPlugin
from pydantic import ValidationError

from cluster_ai.compute.tickets.task import run_attempt, run_batch
from cluster_ai.compute.tickets.words import BATCHES, CANCEL, END, LOOK, PREFIX, SUBMIT, Errand
from cluster_ai.core.ids import new_id

log = structlog.get_logger(__name__)
WORKER_SECONDS: Final = 3.0
CLIENT: Final = "fire-and-forget"
"""Dask's own name for who wants what nobody waits for."""
_GONE: Final = frozenset({"memory", "erred", "forgotten", "released"})


class TicketDesk(SchedulerPlugin):
    """Hands attempts to the workers that they are meant for. Owns one client of its own scheduler."""

    name = "cluster-ai-tickets"

    def __init__(self) -> None:
        self._life = new_id()
        self._scheduler: Any = None
        self._client: Any = None
        self._connecting = asyncio.Lock()
        self._held: dict[str, str] = {}
        """By key of the attempt: that of Dask's task, its own or its batch's."""
        self._batches: dict[str, list[str]] = {}
        """By key of Dask's task: those of the attempts in it."""

    async def start(self, scheduler: Any) -> None:
        """Called by the scheduler before it answers anybody."""
        self._scheduler = scheduler
        handlers: dict[str, Callable[..., Any]] = {SUBMIT: self.submit, CANCEL: self.cancel, LOOK: self.look}
        scheduler.handlers.update(handlers)

    async def before_close(self) -> None:
        """Called by the scheduler before it ends its connections."""
        if self._client is not None:
            await self._client.close(timeout=1)

    async def submit(self, errands: Any = None) -> dict[str, Any]:
        """Takes attempts in: each once while it is held, however often it comes; those of one batch together."""
        refused: dict[str, str] = {}
        parts: dict[str, list[Errand]] = {}
        client = await self._connected()
        for errand in _read(errands):
            if errand.worker not in self._scheduler.aliases:
                refused[errand.key] = f"{errand.worker} is not here"
            elif errand.key not in self._held:
                parts.setdefault(f"{BATCHES}{errand.batch}" if errand.batch else errand.key, []).append(errand)
        for key, some in parts.items():
            if key in self._batches:
                # The rest of it is under way: once it is over, these are handed in again.
                refused |= {errand.key: "its batch is under way" for errand in some}
            else:
                self._hand_in(client, key, some)
        return {"life": self._life, "refused": refused}

    async def cancel(self, ticket_id: str = "", attempt: int = 0, worker: str = "") -> bool:
        """Ends an attempt, begun or not; whether anything of it was here."""
        key = Errand(ticket_id=ticket_id, attempt=attempt, token="", worker=worker).key
        address = self._scheduler.aliases.get(worker)
        task = self._held.get(key)
        was_held = task is not None
        if task == key:
            # One of a batch is left out by its worker, or by the API when that begins: the others go on.
            self._scheduler.stimulus_cancel([key], CLIENT, force=True, reason="the ticket was cancelled", msg="")
        if address is None:
            return was_held
        try:
            async with asyncio.timeout(WORKER_SECONDS):
                ended = await getattr(self._scheduler.rpc(address), END)(ticket_id=ticket_id)
        except OSError as exc:
            log.warning("a worker did not answer about its ticket", worker=worker, reason=str(exc))
            return was_held
        return bool(ended) or was_held

    async def look(self) -> dict[str, Any]:
        """Which workers are here, and which attempts they have not given back yet."""
        return {
            "life": self._life,
            "workers": [_hold(state) for state in self._scheduler.workers.values()],
            "held": list(self._held),
        }

    def transition(self, key: Any, start: str, finish: str, *_args: Any, **_more: Any) -> None:  # noqa: ARG002 - the library's signature
        """Called by the scheduler for every step of every task: whatever is no end costs one comparison."""
        if finish in _GONE and isinstance(key, str) and key.startswith((PREFIX, BATCHES)):
            for attempt in self._batches.pop(key, [key]):
                self._held.pop(attempt, None)

    def _hand_in(self, client: Any, key: str, errands: Sequence[Errand]) -> None:
        """Several are one batch, with the same worker and nothing but a slot."""
        self._held |= {errand.key: key for errand in errands}
        first = errands[0]
        said: list[dict[str, Any]] = [errand.model_dump(mode="json") for errand in errands]
        if first.batch:
            self._batches[key] = [errand.key for errand in errands]
        future = client.submit(
            run_batch if first.batch else run_attempt,
            said if first.batch else said[0],
            key=key,
            pure=False,
            retries=0,
            workers=[self._scheduler.aliases[first.worker]],
            resources={**first.resources, "slot": 1},
            priority=first.priority,
            # Of one priority the first goes first; with resources Dask would take the last.
            fifo_timeout="0s",
        )
        # Nobody asks what came of it: the API is told by the worker. Dask drops the result at once.
        fire_and_forget(future)  # type: ignore[no-untyped-call]
        future.release()

    async def _connected(self) -> Any:
        """Its own client; made when first needed, since the scheduler answers nobody before it has started."""
        async with self._connecting:
            if self._client is None or self._client.status != "running":
                made = Client(self._scheduler.address, asynchronous=True, set_as_default=False, name=self.name)  # type: ignore[no-untyped-call]
                self._client = await made
            return self._client


def _read(errands: Any) -> Iterator[Errand]:
    for said in errands if isinstance(errands, list | tuple) else ():
        try:
            yield Errand.model_validate(said)
        except ValidationError as exc:
            log.warning("an attempt cannot be read", reason=str(exc.errors()[0]["msg"]))


def _hold(state: Any) -> dict[str, Any]:
    return {
        "name": str(state.name),
        "life": str(state.server_id),
        "threads": state.nthreads,
        "paused": state.status is not Status.running,
        "resources": dict(state.resources),
    }
