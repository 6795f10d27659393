"""Words of the compute room. Pure."""

from typing import Annotated, Final

from pydantic import Field, field_validator

from cluster_ai.compute.sizing import MIB, WORKER_LEAST, Wish
from cluster_ai.core.wire import Count, Slice, View

Memory = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(MiB|GiB|MB|GB)$")]
"""A text with its unit: ``512MiB``."""
_UNITS: Final = {"MiB": 1024**2, "GiB": 1024**3, "MB": 1000**2, "GB": 1000**3}


class ComputeSettings(Slice):
    """Slice of the compute room."""

    workers: int | None = Field(
        default=None,
        ge=0,
        le=16,
        description="Local Dask workers started with the cluster; not set: as many as this machine carries.",
    )
    threads: int | None = Field(
        default=None, ge=1, le=256, description="Threads of each local worker; not set: by the cores, at most 4."
    )
    memory_limit: Memory | None = Field(
        default=None,
        description="Memory of each local worker, at least 512MiB, cut to what is there; not set: a share of what "
        "models leave.",
    )
    models_memory: Memory | None = Field(
        default=None,
        description="Memory of this machine that workers leave to models; not set: half of it, or 1GiB beside a GPU "
        "with memory of its own.",
    )
    worker_saturation: float = Field(
        default=1.1,
        gt=0,
        le=1000,
        description="Tasks queued on a worker per thread; higher suits tiny tasks.",
    )
    resources: dict[str, Annotated[float, Field(ge=0, le=1_000_000)]] = Field(
        default_factory=dict,
        description="What a task can ask of each local worker beside slots: GPU = 1, labels.",
    )

    @field_validator("memory_limit")
    @classmethod
    def _is_enough(cls, limit: str | None) -> str | None:
        if limit is not None and bytes_of(limit) < WORKER_LEAST:
            raise ValueError(f"a worker needs at least {WORKER_LEAST // MIB}MiB")
        return limit

    @property
    def wish(self) -> Wish:
        """What was set by hand."""
        limit, models = self.memory_limit, self.models_memory
        return Wish(
            self.workers,
            self.threads,
            None if limit is None else bytes_of(limit),
            None if models is None else bytes_of(models),
        )


def bytes_of(text: str) -> int:
    """``1.5GiB`` in bytes."""
    unit = next(unit for unit in _UNITS if text.endswith(unit))
    return int(float(text.removesuffix(unit)) * _UNITS[unit])


class ShareView(View):
    """What the settings and the machine give its Dask workers. ``why_none``: memory, settings; empty: there are."""

    workers: Count = 0
    threads: Count = 0
    """Of each worker."""
    memory: Count = 0
    """Limit of each worker, bytes."""
    why_none: str = ""


class WorkerView(View):
    """A Dask worker. Memory in bytes, CPU in percent of one core."""

    name: str
    address: str
    host: str
    threads: Count
    memory_limit: Count = 0
    memory: Count = 0
    cpu: float = 0.0
    executing: Count = 0
    ready: Count = 0
    in_memory: Count = 0
    last_seen_seconds: float = 0.0
    paused: bool = False
    """It gets no new tasks: its machine rests, or its memory is nearly full."""


class TaskGroupView(View):
    """Tasks of one prefix (a function's name) by state."""

    prefix: str
    waiting: Count = 0
    processing: Count = 0
    finished: Count = 0
    erred: Count = 0


class RefusedWorkerView(View):
    """A worker that was sent away and has not come back with the right versions. ``at`` in Unix seconds."""

    name: str
    address: str = ""
    why: str = ""
    at: float = 0.0


class NoticeView(View):
    """Something that happened ``count`` times since the notice before of its kind and subject. ``at``: Unix seconds.

    Kinds: ``worker.added``, ``worker.left``, ``worker.lost``, ``worker.refused`` (subject: a worker), ``task.erred``
    (subject: a prefix; detail: the kind of error).
    """

    number: int
    at: float
    kind: str
    subject: str
    detail: str = ""
    count: Count = 1


class ComputeView(View):
    """The scheduler's state. ``reachable`` is false while it is down; ``error`` then says why."""

    reachable: bool
    address: str
    error: str = ""
    dashboard: str = ""
    workers: tuple[WorkerView, ...] = ()
    tasks: tuple[TaskGroupView, ...] = ()
    refused: tuple[RefusedWorkerView, ...] = ()
    started_at: float = 0.0
    """Of the scheduler, Unix seconds: notices are numbered anew in each of its lives."""
    notices: tuple[NoticeView, ...] = ()
    """The latest, oldest first."""
    happened: dict[str, Count] = Field(default_factory=dict)
    """How often each kind of notice happened since the scheduler started."""
    here: ShareView = ShareView()
    """What workers of the head's own machine get when they are started."""
