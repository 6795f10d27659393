"""``cluster-ai svc``: the registry. What lives in the cluster, what can do a thing best, and things of one's own."""

import asyncio
import signal
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError, InvalidInput

if TYPE_CHECKING:
    from pydantic import BaseModel

    from cluster_ai.registry.types import Change, Instance, Query, Ranked, Registration

F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M", bound="BaseModel")

COLUMNS: Final = ("id", "kind", "name", "state", "url", "load_share", "capabilities", "labels", "owner", "seen")
FIT: Final = show.fit_of(
    COLUMNS,
    whole=["id", "name"],
    spare=("owner", "labels", "seen", "load_share", "capabilities", "kind", "url", "state"),
)
WORKLOADS: Final = ("inference", "training", "memory", "agents")
RANKED: Final = ("id", "name", "score", "health", "trail", "telemetry", "url")
RANKED_FIT: Final = show.fit_of(RANKED, whole=["id", "name"], spare=("telemetry", "trail", "health", "url", "score"))
STATES: Final = ("healthy", "degraded", "unreachable")


@click.group("svc", cls=Noun, help=t("svc.help"))
def svc() -> None:
    pass


def _asked(function: F) -> F:
    """The options that say what is looked for."""
    options = [
        click.option("--kind", metavar=t("meta.kind"), help=t("svc.kind")),
        click.option("--capability", "capabilities", multiple=True, metavar=t("meta.word"), help=t("svc.capability")),
        click.option("--label", "labels", multiple=True, metavar=t("meta.label"), help=t("svc.label")),
        click.option("--state", "states", multiple=True, type=click.Choice(STATES), help=t("svc.state")),
        click.option("--text", metavar=t("meta.text"), help=t("svc.text")),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@svc.command("ls", help=t("svc.ls"))
@_asked
@as_json
def ls(*, as_json: bool, **asked: Any) -> None:
    from cluster_ai.client import instances

    with place.client() as client:
        found = client.send(instances.listed(_query(asked)))
    if as_json:
        show.out_json({"items": [row.model_dump(mode="json") for row in found]})
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, found), fit=FIT)


@svc.command("discover", help=t("svc.discover"))
@_asked
@click.option("--near", metavar=t("meta.node"), help=t("svc.near"))
@click.option("--top", type=click.IntRange(1, 1000), metavar="N", help=t("svc.top"))
@click.option("--workload", type=click.Choice(WORKLOADS), help=t("svc.workload"))
@as_json
def discover(*, as_json: bool, **asked: Any) -> None:
    from cluster_ai.client import instances

    with place.client() as client:
        found = client.send(instances.discover(_query(asked)))
    if as_json:
        show.out_json({"items": [row.model_dump(mode="json") for row in found]})
    else:
        show.table([t(f"column.{name}") for name in RANKED], map(_ranked, found), fit=RANKED_FIT)


@svc.command("register", help=t("svc.register"))
@click.argument("name", metavar=t("meta.name"))
@click.option("--id", "instance_id", metavar="ID", help=t("svc.id"))
@click.option("--kind", default="service", metavar=t("meta.kind"), help=t("svc.kind"))
@click.option("--url", default="", metavar="URL", help=t("svc.url"))
@click.option("--capability", "capabilities", multiple=True, metavar=t("meta.word"), help=t("svc.capability"))
@click.option("--label", "labels", multiple=True, metavar=t("meta.label"), help=t("svc.labels"))
@click.option("--metadata", multiple=True, metavar=t("meta.pair"), help=t("svc.metadata"))
@click.option("--lease", type=click.FloatRange(1, 3600), metavar="S", help=t("svc.lease"))
@as_json
def register(*, as_json: bool, metadata: tuple[str, ...], **said: Any) -> None:
    from cluster_ai.registry.types import Registration

    fields = {
        "id": said["instance_id"],
        "name": said["name"],
        "kind": said["kind"],
        "url": said["url"],
        "capabilities": said["capabilities"],
        "labels": said["labels"],
        "metadata": dict(map(_pair, metadata)),
        "lease_seconds": said["lease"],
    }
    asyncio.run(_keep(_checked(Registration, fields), as_json=as_json))


@svc.command("watch", help=t("svc.watch"))
@click.option("--kind", default="", metavar=t("meta.kind"), help=t("svc.kind"))
@click.option("--after", default="", metavar="N", help=t("svc.after"))
@click.option("--count", type=click.IntRange(min=1), metavar="N", help=t("events.count"))
@as_json
def watch(*, kind: str, after: str, count: int | None, as_json: bool) -> None:
    asyncio.run(_follow(kind, after=after, count=count, as_json=as_json))


@svc.command("rm", help=t("svc.rm"))
@click.argument("which", metavar="ID")
def rm(*, which: str) -> None:
    from cluster_ai.client import instances

    with place.client() as client:
        gone = client.send(instances.deregister(which))
    show.say(t("svc.removed", name=show.safe(gone.name)))


def _query(asked: dict[str, Any]) -> "Query":
    from cluster_ai.registry.types import Query

    return _checked(Query, {name: value for name, value in asked.items() if value not in (None, ())})


def _checked(kind: type[M], fields: dict[str, Any]) -> M:
    """``fields`` as ``kind``; what is wrong is told as the API would."""
    from pydantic import ValidationError

    try:
        return kind.model_validate(fields)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{where}: {first['msg']}", path=where) from exc


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidInput(t("svc.no_pair", text=text), path="metadata")
    return name, value


async def _keep(wanted: "Registration", *, as_json: bool) -> None:
    """Registered until somebody ends this process in good order."""
    from cluster_ai.client import AsyncClient
    from cluster_ai.client.registry import registered

    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with (
        AsyncClient.local(place.settings()) as client,
        registered(client, wanted, on_trouble=_tell_trouble) as lease,
    ):
        if as_json:
            show.out_json(lease.instance.model_dump(mode="json"), compact=True)
        else:
            show.say(t("svc.registered", name=show.safe(lease.instance.name)))
            show.out(lease.instance.id)
        await over.wait()


async def _follow(kind: str, *, after: str, count: int | None, as_json: bool) -> None:
    from cluster_ai.client import AsyncClient
    from cluster_ai.client.registry import watch as watched

    async with (
        AsyncClient.local(place.settings()) as client,
        aclosing(watched(client, kind=kind, after=after, on_trouble=_tell_trouble)) as changes,
    ):
        seen = 0
        async for change in changes:
            if as_json:
                show.out_json(change.model_dump(mode="json"), compact=True)
            else:
                show.out(_sentence(change))
            seen += 1
            if seen == count:
                return


def _tell_trouble(problem: ClusterError, pause: float) -> None:
    show.say(t("events.trouble", reason=show.reason(problem), pause=f"{pause:.1f}"))


def _sentence(change: "Change") -> str:
    """``12  changed  engine  n1  degraded  http://...``"""
    about = change.instance
    rest: Iterable[object] = () if about is None else (about.kind, about.name, about.state.value, about.url)
    return show.safe("  ".join(str(part) for part in (change.number, change.what.value, *rest) if part != ""))


def _row(row: "Instance") -> tuple[object, ...]:
    import time

    load = row.telemetry.load
    return (
        row.id,
        row.kind,
        row.name,
        show.state(row.state.value),
        row.url or row.address,
        "" if load is None else f"{load:.0%}",
        ", ".join(sorted(row.capabilities)),
        ", ".join(sorted(row.labels)),
        row.owner,
        t("text.ago", age=show.duration(max(0.0, time.time() - row.seen_at))),
    )


def _ranked(row: "Ranked") -> tuple[object, ...]:
    score, about = row.score, row.instance
    parts = (score.total, score.health, score.trail, score.telemetry)
    return (about.id, about.name, *(f"{part:.3f}" for part in parts), about.url or about.address)
