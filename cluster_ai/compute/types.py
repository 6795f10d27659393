"""Words of the compute room. Pure."""

from pydantic import Field

from cluster_ai.core.wire import Count, Slice, View


class ComputeSettings(Slice):
    """Slice of the compute room."""

    workers: int = Field(default=1, ge=0, le=16, description="Local Dask workers started with the cluster.")
    threads: int = Field(default=1, ge=1, le=256, description="Threads of each local worker.")
    memory_limit: str = Field(
        default="1GiB",
        pattern=r"^[0-9]+(\.[0-9]+)?(MiB|GiB|MB|GB)$",
        description="Memory of each local worker; the rest stays for models.",
    )
    worker_saturation: float = Field(
        default=1.1,
        gt=0,
        le=1000,
        description="Tasks queued on a worker per thread; higher suits tiny tasks.",
    )


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


class TaskGroupView(View):
    """Tasks of one prefix (a function's name) by state."""

    prefix: str
    waiting: Count = 0
    processing: Count = 0
    finished: Count = 0
    erred: Count = 0


class ComputeView(View):
    """The scheduler's state. ``reachable`` is false while it is down; ``error`` then says why."""

    reachable: bool
    address: str
    error: str = ""
    dashboard: str = ""
    workers: tuple[WorkerView, ...] = ()
    tasks: tuple[TaskGroupView, ...] = ()
