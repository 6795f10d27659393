"""Where jobs are handed in: a part of the scheduler, beside Dask's own clients.

It runs in the scheduler's process because that unpickles what workers answer, as every client of Dask does; the API
asks it in plain values. Jobs are on disk before they are acknowledged. After a restart of the scheduler those that
waited are handed in again; those that ran are told as lost, for nobody knows how much of their work was done.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
from distributed import Client
from distributed.client import FutureCancelledError
from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.metrics import time as dask_time
from distributed.scheduler import KilledWorker
from pydantic import ValidationError

from cluster_ai.compute.job_types import ENDED, JobDetail, JobRequest, JobState, JobView
from cluster_ai.compute.script_task import CLAIM, run_script
from cluster_ai.compute.shelf import KEPT, Entry, Shelf
from cluster_ai.core.errors import ClusterError, Conflict, InvalidInput, NotFound
from cluster_ai.core.ids import new_id
from cluster_ai.executors.script import Ran, Script

log = structlog.get_logger(__name__)

PREFIX: Final = "run_script-"
SUBMIT: Final = "cluster_ai_job_submit"
LIST: Final = "cluster_ai_job_list"
SHOW: Final = "cluster_ai_job_show"
CANCEL: Final = "cluster_ai_job_cancel"
MOST_WAITING: Final = 1000
WORKER_SECONDS: Final = 3.0
"""A worker has this long to show or end one of its scripts."""


class Desk(SchedulerPlugin):
    """Owns the jobs, and one client of its own scheduler through which they run."""

    name = "cluster-ai-desk"

    def __init__(self, folder: Path) -> None:
        self._shelf = Shelf(folder)
        self._jobs: dict[str, Entry] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._scheduler: Any = None
        self._client: Any = None
        self._connecting = asyncio.Lock()

    async def start(self, scheduler: Any) -> None:
        """Called by the scheduler before it answers anybody."""
        self._scheduler = scheduler
        handlers: dict[str, Callable[..., Any]] = {
            SUBMIT: self.submit,
            LIST: self.listed,
            SHOW: self.show,
            CANCEL: self.cancel,
        }
        scheduler.handlers.update({name: _told(handle) for name, handle in handlers.items()})
        scheduler.handlers[CLAIM] = self.claim
        for entry in await asyncio.to_thread(self._shelf.all):
            self._jobs[entry.job.id] = entry
            if entry.job.state is JobState.RUNNING:
                self._become(entry, JobState.LOST, error="the scheduler was started again while it ran")
                await asyncio.to_thread(self._shelf.put, self._jobs[entry.job.id])
            elif entry.job.state is JobState.QUEUED:
                self._run(entry)

    async def before_close(self) -> None:
        """Called by the scheduler before it ends its connections."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close(timeout=1)

    async def submit(self, request: Any = None) -> dict[str, Any]:
        """Takes a job in. ``request`` as ``JobRequest`` in JSON."""
        try:
            asked = JobRequest.model_validate_json(json.dumps(request))
        except ValidationError as exc:
            raise InvalidInput(str(exc.errors()[0]["msg"]), path="job") from exc
        if len(self._running) >= MOST_WAITING:
            raise Conflict(f"{MOST_WAITING} jobs wait already", hint="wait for some of them, or cancel them")
        job = JobDetail(id=new_id(), name=asked.name, function=asked.function, submitted_at=dask_time())
        entry = self._jobs[job.id] = Entry(request=asked, job=job)
        await asyncio.to_thread(self._shelf.put, entry)
        self._run(entry)
        await self._forget_old()
        return _brief(job)

    async def listed(self) -> list[dict[str, Any]]:
        """All of them, the newest first, without what they wrote."""
        return [_brief(self._jobs[job_id].job) for job_id in reversed(self._jobs)]

    async def show(self, job_id: str = "") -> dict[str, Any]:
        """One of them whole; of one that runs, what it wrote so far."""
        job = self._found(job_id).job
        if job.state is JobState.RUNNING:
            output = await self._ask_worker(job, "cluster_ai_script_output")
            job = job.model_copy(update={"output": output or ""})
        return job.model_dump(mode="json")

    async def cancel(self, job_id: str = "") -> dict[str, Any]:
        """Ends it, running or not."""
        entry = self._found(job_id)
        if entry.job.state in ENDED:
            raise Conflict(f"the job {job_id} has ended already: {entry.job.state}")
        await self._ask_worker(entry.job, "cluster_ai_script_end")
        await self._end(job_id, JobState.CANCELLED)
        if task := self._running.get(job_id):
            task.cancel()
        return _brief(self._jobs[job_id].job)

    async def claim(self, job_id: str = "", worker: str = "") -> bool:
        """A worker is about to start it. Only the first may: a script that was begun is never begun again by itself."""
        entry = self._jobs.get(job_id)
        if entry is None or entry.job.state is not JobState.QUEUED:
            return False
        started = {"state": JobState.RUNNING, "worker": worker, "started_at": dask_time()}
        entry = self._jobs[job_id] = Entry(request=entry.request, job=entry.job.model_copy(update=started))
        await asyncio.to_thread(self._shelf.put, entry)
        return True

    # -- inside

    def _run(self, entry: Entry) -> None:
        job_id = entry.job.id
        task = self._running[job_id] = asyncio.create_task(self._to_the_end(entry), name=f"job {job_id}")
        task.add_done_callback(lambda _: self._running.pop(job_id, None))

    async def _to_the_end(self, entry: Entry) -> None:
        asked, job_id = entry.request, entry.job.id
        script = Script(job_id, asked.name, asked.source, asked.function, asked.args, asked.kwargs, asked.seconds)
        client = await self._connected()
        future = client.submit(
            run_script, script, key=f"{PREFIX}{job_id}", pure=False, retries=0, resources=dict(asked.resources) or None
        )
        try:
            raised = await future.exception()
            ran: Ran | None = None if raised else await future
        except FutureCancelledError:
            await self._end(job_id, JobState.LOST, error="the scheduler let go of it")
        else:
            await self._settle(job_id, raised, ran)
        finally:
            future.release()

    async def _settle(self, job_id: str, raised: BaseException | None, ran: Ran | None) -> None:
        if ran is None:
            state = JobState.LOST if isinstance(raised, KilledWorker) else JobState.FAILED
            await self._end(job_id, state, error=f"{type(raised).__name__}: {raised}"[:500])
        elif ran.lost:
            await self._end(job_id, JobState.LOST, error="its worker died while it ran")
        else:
            await self._end(job_id, JobState.FAILED if ran.error else JobState.SUCCEEDED, error=ran.error, ran=ran)

    async def _connected(self) -> Any:
        """Its own client; made when first needed, since the scheduler answers nobody before it has started."""
        async with self._connecting:
            if self._client is None:
                made = Client(self._scheduler.address, asynchronous=True, set_as_default=False, name="cluster-ai-desk")  # type: ignore[no-untyped-call]
                self._client = await made
            return self._client

    async def _end(self, job_id: str, state: JobState, *, error: str = "", ran: Ran | None = None) -> None:
        entry = self._jobs[job_id]
        if entry.job.state in ENDED:
            return
        self._become(entry, state, error=error, ran=ran)
        await asyncio.to_thread(self._shelf.put, self._jobs[job_id])

    def _become(self, entry: Entry, state: JobState, *, error: str, ran: Ran | None = None) -> None:
        more: dict[str, Any] = {"state": state, "ended_at": dask_time(), "error": error}
        if ran is not None:
            more |= {"output": ran.output, "result": json.loads(ran.result) if ran.result else None}
        self._jobs[entry.job.id] = Entry(request=entry.request, job=entry.job.model_copy(update=more))

    async def _ask_worker(self, job: JobView, operation: str) -> Any:
        address = self._scheduler.aliases.get(job.worker)
        if job.state is not JobState.RUNNING or address is None:
            return None
        try:
            async with asyncio.timeout(WORKER_SECONDS):
                return await getattr(self._scheduler.rpc(address), operation)(script_id=job.id)
        except OSError as exc:
            log.warning("a worker did not answer about its script", worker=job.worker, reason=str(exc))
            return None

    def _found(self, job_id: str) -> Entry:
        entry = self._jobs.get(job_id)
        if entry is None:
            raise NotFound(f"there is no job {job_id[:64]}", hint="cluster-ai compute jobs")
        return entry

    async def _forget_old(self) -> None:
        ended = [job_id for job_id, entry in self._jobs.items() if entry.job.state in ENDED]
        for job_id in ended[: max(0, len(ended) - KEPT)]:
            del self._jobs[job_id]
            await asyncio.to_thread(self._shelf.remove, job_id)


def _brief(job: JobDetail) -> dict[str, Any]:
    return JobView(**job.model_dump()).model_dump(mode="json")


def _told(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Answers our errors as plain values: Dask would pickle them."""

    async def answer(**said: Any) -> dict[str, Any]:
        try:
            return {"answer": await handle(**said)}
        except ClusterError as exc:
            return {"code": exc.code, "error": exc.message, "hint": exc.hint}

    return answer
