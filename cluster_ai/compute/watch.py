"""What the scheduler says of itself, once a second, for the overview."""

import asyncio
import time
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

from distributed import rpc

from cluster_ai.compute.config import adopt_logs
from cluster_ai.compute.plugins import OPERATION as ACCOUNT
from cluster_ai.compute.reach import READABLE, STRANGE, knock, reason, with_scheme
from cluster_ai.compute.totals import OPERATION
from cluster_ai.compute.types import ComputeView, ShareView, TaskGroupView, WorkerView
from cluster_ai.core.errors import Unavailable

ANSWER_SECONDS = 1.5


class SchedulerWatch:
    """Answers the scheduler's state. Keeps one connection and makes it again when it broke.

    Args:
        address: of the scheduler, ``tcp://127.0.0.1:8786``.
        dashboard_url: shown to people.
        here: what workers of this machine get.
    """

    def __init__(self, address: str, dashboard_url: str, here: ShareView | None = None) -> None:
        self._address = with_scheme(address)
        self._dashboard = dashboard_url
        self._here = here or ShareView()
        self._scheduler: Any = None
        self._answered = False
        self._last = ComputeView(reachable=False, address=self._address)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        # Dask set up its own logging when it was imported.
        adopt_logs(level="ERROR")
        called = rpc(  # type: ignore[no-untyped-call]
            self._address, timeout=ANSWER_SECONDS, serializers=READABLE, deserializers=READABLE
        )
        self._scheduler = await self._stack.enter_async_context(called)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stack.aclose()

    async def view(self, *, resting: Collection[str] | None = None) -> ComputeView:
        """The state now; ``reachable`` is false, with the reason, when there is no answer within 1.5 seconds.

        Args:
            resting: names of all machines that get no new tasks from now on; None: as it was.
        """
        try:
            view = await self._ask(resting)
        except Unavailable as exc:
            self._answered = False
            # What it said last stays known, so that what it says next can be told from it.
            known = {"started_at": self._last.started_at, "notices": self._last.notices}
            return ComputeView(reachable=False, address=self._address, error=exc.message, here=self._here, **known)
        self._answered = True
        self._last = view
        return view

    async def _ask(self, resting: Collection[str] | None) -> ComputeView:
        """The one place where Dask's and the network's errors become ours."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if not self._answered:
                    # Dask tries a refused connection again until time is up; the socket says at once why not.
                    await knock(self._address)
                identity, totals = await self._scheduler.identity(), await getattr(self._scheduler, OPERATION)()
                told = {} if resting is None else {"resting": list(resting)}
                account = await getattr(self._scheduler, ACCOUNT)(**told)
            return self._view(identity, totals, account)
        except TimeoutError as exc:
            raise Unavailable(f"no answer within {ANSWER_SECONDS} s") from exc
        except OSError as exc:
            raise Unavailable(reason(exc)) from exc
        except STRANGE as exc:
            raise Unavailable(f"what listens there is no scheduler of this cluster: {exc}"[:200]) from exc

    def _view(self, identity: Mapping[str, Any], totals: Mapping[str, Any], account: Mapping[str, Any]) -> ComputeView:
        return ComputeView(
            reachable=True,
            address=self._address,
            dashboard=self._dashboard,
            workers=workers_of(identity, now=time.time()),
            tasks=tuple(TaskGroupView(prefix=name, **counts) for name, counts in sorted(totals.items())),
            here=self._here,
            **account,
        )


def workers_of(identity: Mapping[str, Any], *, now: float) -> tuple[WorkerView, ...]:
    """The workers in a scheduler's ``identity``, by name. ``now`` is in Unix seconds."""
    found = [_worker(address, said, now) for address, said in identity["workers"].items()]
    return tuple(sorted(found, key=lambda worker: worker.name))


def _worker(address: str, said: Mapping[str, Any], now: float) -> WorkerView:
    metrics = said["metrics"]
    counts = metrics.get("task_counts", {})
    return WorkerView(
        name=str(said["name"]),
        address=address,
        host=said["host"],
        paused=said.get("status") == "paused",
        threads=said["nthreads"],
        memory_limit=said["memory_limit"] or 0,
        memory=metrics.get("memory", 0),
        cpu=metrics.get("cpu", 0.0),
        executing=counts.get("executing", 0) + counts.get("long-running", 0),
        ready=counts.get("ready", 0) + counts.get("constrained", 0),
        in_memory=counts.get("memory", 0),
        last_seen_seconds=max(0.0, now - said["last_seen"]),
    )
