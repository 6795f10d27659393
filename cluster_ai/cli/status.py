"""``cluster-ai status`` and ``ps``: what the supervisor says, also when the API is down."""

import time
from typing import TYPE_CHECKING, Any

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.watching import look
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.supervisor.types import SupervisorView


@click.command(cls=Verb, help=t("status.help"))
@as_json
@click.option("--watch", is_flag=True, help=t("option.watch"))
@click.option("--line", is_flag=True, help=t("status.line"))
def status(*, as_json: bool, watch: bool, line: bool) -> None:
    home = place.home()
    if line:
        from cluster_ai.cli.summary import summary

        view = look(home)
        show.out(summary(view))
        leave(Exit.OK if view.ready else Exit.DEGRADED)
    while True:
        view = look(home)
        if as_json:
            show.out_json(view.model_dump(mode="json"), compact=watch)
        else:
            _draw(view, again=watch)
        if not watch:
            leave(Exit.OK if view.ready else Exit.DEGRADED)
        time.sleep(1.0)


def _draw(view: "SupervisorView", *, again: bool) -> None:
    if again and show.is_terminal():
        click.clear()
    ready = sum(part.state == "ready" for part in view.parts)
    age = show.duration(max(0.0, time.time() - view.started_at))
    show.out(t("status.head", ready=ready, all=len(view.parts), age=age, home=view.home, version=view.version))
    show.out()
    heads = ("part", "state", "pid", "address", "age", "restarts", "last_exit")
    rows = [
        (
            part.name,
            show.state(part.state),
            part.pid,
            part.url or part.port,
            show.duration(part.uptime_seconds) if part.pid else "",
            part.restarts,
            part.last_exit,
        )
        for part in view.parts
    ]
    show.table([t(f"column.{head}") for head in heads], rows)
    for part in view.parts:
        if part.error and part.state != "ready":
            show.say(f"{part.name}: {show.safe(part.error)}  ({t('status.log', log=part.log)})")


@click.command(cls=Verb, help=t("ps.help"))
@as_json
def ps(*, as_json: bool) -> None:
    found = _processes(look(place.home()))
    if as_json:
        show.out_json({"items": found})
        return
    heads = [t(f"column.{head}") for head in ("pid", "part", "memory", "cpu_time", "threads", "command")]
    show.table(
        heads,
        [
            (
                row["pid"],
                row["part"],
                show.size(row["memory"]),
                f"{row['cpu_seconds']:.1f} s",
                row["threads"],
                row["command"],
            )
            for row in found
        ],
    )


def _processes(view: "SupervisorView") -> list[dict[str, Any]]:
    """Every process of the cluster, each under the part that started it. Memory in bytes."""
    import psutil

    from cluster_ai.cli.ending import family

    parts = {part.pid: part.name for part in view.parts if part.pid}
    rows: list[dict[str, Any]] = []
    seen: set[int] = set()
    for pid, name in [*parts.items(), (view.pid, "supervisor")]:
        for process in family(pid):
            if process.pid in seen:
                continue
            seen.add(process.pid)
            try:
                with process.oneshot():
                    rows.append(_row(process, name))
            except psutil.Error:
                continue
    return sorted(rows, key=lambda row: (row["part"] != "supervisor", row["part"], row["pid"]))


def _row(process: Any, part: str) -> dict[str, Any]:
    times = process.cpu_times()
    return {
        "pid": process.pid,
        "part": part,
        "memory": process.memory_info().rss,
        "cpu_seconds": round(times.user + times.system, 2),
        "threads": process.num_threads(),
        "command": " ".join(process.cmdline()),
    }
