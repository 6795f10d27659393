"""Scripts on the cluster: handed in, listed, shown, ended; and how many local workers there shall be."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from backend.deeds import recorded
from backend.job_desk import Jobs
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.compute.job_types import JobDetail, JobRequest, JobView
from cluster_ai.core.consent import Action, Deed
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.wire import StrictModel, View

router = APIRouter(route_class=PolicedRoute, tags=["compute"])

JobId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
MOST_WORKERS = 16


class JobList(View):
    """The newest first."""

    items: tuple[JobView, ...]


class WantedWorkers(StrictModel):
    count: int = Field(ge=0, le=MOST_WORKERS)
    """How many local workers there shall be in all."""


class WorkersWanted(View):
    workers: int


@router.post(f"{API}/compute/jobs", status_code=202)
async def submit(job: JobRequest, plane: ThePlane, caller: TheCaller) -> JobView:
    """Runs a Python file on some worker, as the user of the cluster. It is on disk when this answers."""
    async with recorded(plane, caller, action="submit_job", subject=job.name):
        return await _jobs(plane.neighbours.jobs).submit(job)


@router.get(f"{API}/compute/jobs")
async def jobs(plane: ThePlane, _caller: TheCaller) -> JobList:
    """Every job that is remembered: all that wait or run, and the last 200 that ended."""
    return JobList(items=await _jobs(plane.neighbours.jobs).jobs())


@router.get(f"{API}/compute/jobs/{{job_id}}")
async def job(job_id: JobId, plane: ThePlane, _caller: TheCaller) -> JobDetail:
    """One job with its result and the end of what it wrote, so far when it still runs."""
    return await _jobs(plane.neighbours.jobs).job(job_id)


@router.delete(f"{API}/compute/jobs/{{job_id}}", status_code=202)
async def cancel(job_id: JobId, plane: ThePlane, caller: TheCaller) -> JobView:
    """Ends a job with all that it started."""
    async with recorded(plane, caller, action="cancel_job", subject=job_id):
        return await _jobs(plane.neighbours.jobs).cancel(job_id)


@router.put(f"{API}/workers", status_code=202)
async def scale(wanted: WantedWorkers, plane: ThePlane, caller: TheCaller) -> WorkersWanted:
    """Sets how many local Dask workers there are; those that are too many finish nothing, their tasks go elsewhere."""
    async with recorded(plane, caller, action="scale_workers", subject=str(wanted.count)):
        here = sum(part.name.startswith("worker-") for part in plane.live.overview().system.parts)
        if wanted.count < here:
            await plane.slo.room.freezes.agreed(Deed(Action.SCALE, "workers", {"service": "compute"}))
        await plane.supervisor.scale_workers(wanted.count)
    return WorkersWanted(workers=wanted.count)


def _jobs(found: Jobs | None) -> Jobs:
    if found is None:
        raise Unavailable("no jobs can be handed in here")
    return found
