"""``cluster-ai compute``: the Dask workers, their tasks, and scripts that run there."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import compute_jobs, machines, place, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.client import job_calls
from cluster_ai.client import machines as calls
from cluster_ai.core.errors import Unavailable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from cluster_ai.compute.types import ComputeView, WorkerView

WORKERS: Final = ("worker", "address", "threads", "cpu", "memory", "limit", "executing", "queued", "held")
TASKS: Final = ("task", "waiting", "processing", "finished", "erred")


@click.group(cls=Noun, help=t("compute.help"))
def compute() -> None:
    pass


@compute.command("workers", help=t("compute.workers"))
@as_json
@click.option("--watch", is_flag=True, help=t("option.watch"))
def workers(*, as_json: bool, watch: bool) -> None:
    with place.client() as client:

        def look() -> None:
            view = client.compute()
            none = {one.name: one.share.why_none for one in client.send(calls.machines()) if one.share}
            idle = [{"machine": name, "why_none": why} for name, why in none.items() if why]
            if as_json:
                more = {"refused": [one.model_dump(mode="json") for one in view.refused], "without": idle}
                _dump(view, view.workers, compact=watch, here=view.here.model_dump(mode="json"), **more)
            else:
                _refuse_silent(view)
                show.table([t(f"column.{head}") for head in WORKERS], map(_worker, view.workers))
                for refused in view.refused:
                    show.say(t("compute.refused", name=show.safe(refused.name), why=show.safe(refused.why)))
                if view.here.why_none:
                    show.say(t("compute.none_here", why=machines.why_none(view.here.why_none)))
                for one in idle:
                    show.say(t("compute.none", name=one["machine"], why=machines.why_none(one["why_none"])))

        repeated(look, watch=watch, clear=not as_json)


@compute.command("jobs", help=t("compute.jobs"))
@as_json
@click.option("--watch", is_flag=True, help=t("option.watch"))
def jobs(*, as_json: bool, watch: bool) -> None:
    with place.client() as client:

        def look() -> None:
            view = client.compute()
            submitted = client.send(job_calls.jobs()) if view.reachable else ()
            if as_json:
                _dump(view, view.tasks, compact=watch, jobs=[one.model_dump(mode="json") for one in submitted])
            else:
                _refuse_silent(view)
                if submitted:
                    compute_jobs.table_of(submitted)
                    show.out()
                rows = [(of.prefix, of.waiting, of.processing, of.finished, of.erred) for of in view.tasks]
                show.table([t(f"column.{head}") for head in TASKS], rows)

        repeated(look, watch=watch, clear=not as_json)


@compute.command("add", help=t("compute.add"))
@click.argument("count", type=click.IntRange(1, 16), default=1, metavar="[N]")
def add(*, count: int) -> None:
    with place.client() as client:
        client.add_workers(count)
    show.say(t("compute.added", count=count))


@compute.command("dashboard", help=t("compute.dashboard"))
def dashboard() -> None:
    with place.client() as client:
        show.out(client.system().endpoints.dask_dashboard)


for verb in (compute_jobs.submit, compute_jobs.job, compute_jobs.cancel, compute_jobs.scale):
    compute.add_command(verb)


def _worker(found: "WorkerView") -> tuple[object, ...]:
    return (
        found.name,
        found.address,
        found.threads,
        f"{found.cpu:.0f}%",
        show.size(found.memory),
        show.size(found.memory_limit),
        found.executing,
        found.ready,
        found.in_memory,
    )


def _dump(view: "ComputeView", items: "Iterable[BaseModel]", *, compact: bool, **more: object) -> None:
    found = [item.model_dump(mode="json") for item in items]
    show.out_json({"reachable": view.reachable, "error": view.error, "items": found, **more}, compact=compact)


def _refuse_silent(view: "ComputeView") -> None:
    if not view.reachable:
        raise Unavailable(f"the scheduler does not answer: {view.error}", hint="cluster-ai restart scheduler")
