"""The operations on jobs, as values. Pure."""

from collections.abc import Mapping
from typing import Any

from cluster_ai.client.calls import API, Call, Listing, nothing, segment
from cluster_ai.compute.job_types import JobDetail, JobRequest, JobView


def submit(request: JobRequest) -> Call[JobView]:
    body: Mapping[str, Any] = request.model_dump(mode="json")
    return Call("POST", f"{API}/compute/jobs", JobView.model_validate_json, body=body, seconds=30.0)


def jobs() -> Call[tuple[JobView, ...]]:
    return Call("GET", f"{API}/compute/jobs", lambda body: Listing[JobView].model_validate_json(body).items)


def job(job_id: str) -> Call[JobDetail]:
    return Call("GET", f"{API}/compute/jobs/{segment(job_id)}", JobDetail.model_validate_json)


def cancel(job_id: str) -> Call[None]:
    return Call("DELETE", f"{API}/compute/jobs/{segment(job_id)}", nothing, seconds=30.0)


def scale_workers(count: int) -> Call[None]:
    return Call("PUT", f"{API}/workers", nothing, body={"count": count}, seconds=30.0)
