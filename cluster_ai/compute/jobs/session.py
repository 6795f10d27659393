"""A job's connection to the scheduler, and what can become of its tasks."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from distributed import Client
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.scheduler import KilledWorker
from distributed.versions import VersionMismatchWarning

from cluster_ai.compute.reach import knock, reason, with_scheme
from cluster_ai.core.errors import Unavailable

CONNECT_SECONDS = 5.0
WORKER_SECONDS = 15.0
"""How long a job waits at least for the first worker."""


class SchedulerLost(Unavailable):
    """The scheduler went away, and with it every task that was under way."""


class WorkerDied(Unavailable):
    """Workers died while they had this task."""


# Machines have their packages from the head; what differs is the release of one and the same Python 3.x, and a table of
# it tells a person nothing. The workers' own logs keep it.
warnings.simplefilter("ignore", VersionMismatchWarning)


@asynccontextmanager
async def connected(address: str, *, patience: float = 0.0) -> AsyncIterator[Client]:
    """A client of the scheduler at ``address``, which has at least one worker.

    Raises:
        Unavailable: no scheduler within ``patience`` seconds, or no worker: workers go when their scheduler does, and
            come back after it.
    """
    await _appears(address, patience)
    try:
        client = await Client(  # type: ignore[no-untyped-call]
            with_scheme(address), asynchronous=True, timeout=CONNECT_SECONDS, set_as_default=False, name="cluster-ai"
        )
    except OSError as exc:
        raise SchedulerLost(f"the scheduler at {address} does not answer: {exc}") from exc
    try:
        await _has_worker(client, address, max(WORKER_SECONDS, patience))
        yield client
    finally:
        await client.close(timeout=CONNECT_SECONDS)


async def result(future: Any) -> Any:
    """What a task answered.

    Raises:
        SchedulerLost: nobody knows what became of it.
        WorkerDied: workers died with it, more than once.
    """
    try:
        return await future
    except (FutureCancelledError, ClosedClientError, OSError) as exc:
        raise SchedulerLost("the scheduler went away") from exc
    except KilledWorker as exc:
        raise WorkerDied(
            f"workers died while they had {exc.task}", hint="look at the workers' logs; memory_limit may be too low"
        ) from exc


async def _appears(address: str, patience: float) -> None:
    end = asyncio.get_running_loop().time() + patience
    while True:
        try:
            return await knock(address)
        except OSError as exc:
            if asyncio.get_running_loop().time() >= end:
                raise Unavailable(
                    f"no scheduler at {address}: {reason(exc)}", hint="start the cluster: cluster-ai up"
                ) from exc
        await asyncio.sleep(0.2)


async def _has_worker(client: Any, address: str, seconds: float) -> None:
    try:
        await client.wait_for_workers(1, timeout=seconds)
    except TimeoutError as exc:
        raise Unavailable(
            f"the scheduler at {address} has no worker", hint="set [compute] workers, or restart the workers"
        ) from exc
    except OSError as exc:
        raise SchedulerLost("the scheduler went away") from exc
