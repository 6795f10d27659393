"""Words of the jobs that people submit: a Python file, run on some worker. Pure."""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from cluster_ai.core.wire import StrictModel, Text, View

LARGEST_SOURCE: Final = 512 * 1024
MOST_ARGS: Final = 64

Identifier = Annotated[str, StringConstraints(pattern=r"^([A-Za-z_][A-Za-z0-9_]{0,127})?$")]
Source = Annotated[str, StringConstraints(min_length=1, max_length=LARGEST_SOURCE)]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class JobState(StrEnum):
    QUEUED = "queued"
    """No worker has it yet; or none has what it asks for."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """Its worker or the scheduler went away under it: whether it did its work nobody knows."""


ENDED: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST})


class JobRequest(StrictModel):
    """A Python file to run. With ``function`` that is called; else the file is a program and ``args`` its arguments."""

    name: Annotated[Text, Field(min_length=1, max_length=128)]
    source: Source
    function: Identifier = ""
    args: Annotated[tuple[Any, ...], Field(max_length=MOST_ARGS, strict=False)] = ()
    kwargs: Annotated[dict[Identifier, Any], Field(max_length=MOST_ARGS)] = Field(default_factory=dict)
    seconds: float = Field(default=3600.0, gt=0, le=7 * 86_400)
    """Longest time that it may run."""
    resources: Annotated[dict[Label, Annotated[float, Field(gt=0, le=1_000_000)]], Field(max_length=16)] = Field(
        default_factory=dict
    )
    """What the worker must have free: ``{"GPU": 1}``."""


class JobView(View):
    """A job. Times in Unix seconds, 0 when it has not come so far."""

    id: str
    name: str
    function: str = ""
    state: JobState = JobState.QUEUED
    worker: str = ""
    submitted_at: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    error: str = ""
    """Why it failed; empty when it did not."""


class JobDetail(JobView):
    """With what it answered and wrote."""

    result: Any = None
    output: str = ""
    """The last 64 KiB of what it wrote, standard error included."""
