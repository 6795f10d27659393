"""``cluster-ai compute``: the Dask workers and their tasks."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
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
            if as_json:
                _dump(view, view.workers, compact=watch)
            else:
                _refuse_silent(view)
                show.table([t(f"column.{head}") for head in WORKERS], map(_worker, view.workers))

        repeated(look, watch=watch, clear=not as_json)


@compute.command("jobs", help=t("compute.jobs"))
@as_json
@click.option("--watch", is_flag=True, help=t("option.watch"))
def jobs(*, as_json: bool, watch: bool) -> None:
    with place.client() as client:

        def look() -> None:
            view = client.compute()
            if as_json:
                _dump(view, view.tasks, compact=watch)
            else:
                _refuse_silent(view)
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


def _dump(view: "ComputeView", items: "Iterable[BaseModel]", *, compact: bool) -> None:
    found = [item.model_dump(mode="json") for item in items]
    show.out_json({"reachable": view.reachable, "error": view.error, "items": found}, compact=compact)


def _refuse_silent(view: "ComputeView") -> None:
    if not view.reachable:
        raise Unavailable(f"the scheduler does not answer: {view.error}", hint="cluster-ai restart scheduler")
