"""What the API needs of the desk where scripts are handed in."""

from typing import Protocol

from cluster_ai.compute.job_types import JobDetail, JobRequest, JobView


class Jobs(Protocol):
    """``cluster_ai.compute.jobs_client.SchedulerJobs``."""

    async def submit(self, request: JobRequest) -> JobView: ...

    async def jobs(self) -> tuple[JobView, ...]: ...

    async def job(self, job_id: str) -> JobDetail: ...

    async def cancel(self, job_id: str) -> JobView: ...
