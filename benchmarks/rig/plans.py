"""The plans of a cluster of the rig, read and submitted from outside of it, whatever of it is down just now."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backend.dispatching.config import WorkConfig
from backend.dispatching.plans_given import opened_plans
from benchmarks.rig.work import Cluster
from cluster_ai.core.bus import Bus
from cluster_ai.core.db import open_database
from cluster_ai.executors.types import ExecutorSettings
from cluster_ai.plans.opening import Opened


def _die(error: Exception) -> None:
    raise error


@asynccontextmanager
async def plans_of(cluster: Cluster, executors: ExecutorSettings) -> AsyncIterator[Opened]:
    """The room over the cluster's own database."""
    url = cluster.postgres.url if cluster.postgres else f"sqlite:///{cluster.home / 'data' / 'cluster.db'}"
    home: Path = cluster.home
    config = WorkConfig(home / "data" / "results", home / "logs", home / "secrets", "", "", executors=executors)
    async with open_database(url, on_fatal=_die) as database:
        yield await asyncio.to_thread(opened_plans, config, database, Bus())
