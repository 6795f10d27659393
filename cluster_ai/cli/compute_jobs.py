"""``cluster-ai compute submit`` and its kin: a Python file, run on some worker of the cluster."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.client import job_calls
from cluster_ai.core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cluster_ai.client import Client
    from cluster_ai.compute.job_types import JobDetail, JobRequest, JobView

LOOK_SECONDS: Final = 0.5
HEADS: Final = ("job", "name", "state", "worker", "why")
FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command("submit", cls=Verb, help=t("compute.submit"))
@click.argument("file", type=FILE, metavar=t("meta.file"))
@click.argument("args", nargs=-1, metavar=t("meta.arguments"))
@click.option("--function", default="", metavar=t("meta.name"), help=t("compute.function"))
@click.option("--keyword", "keywords", multiple=True, metavar="NAME=JSON", help=t("compute.keyword"))
@click.option("--resource", "resources", multiple=True, metavar="NAME=N", help=t("compute.resource"))
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), default=3600.0, help=t("compute.seconds"))
@click.option("--detach", is_flag=True, help=t("compute.detach"))
@as_json
def submit(*, file: Path, detach: bool, as_json: bool, **chosen: Any) -> None:
    asked = _request(file, chosen)
    with place.client() as client:
        job: JobView | JobDetail = client.send(job_calls.submit(asked))
        if not detach:
            show.say(t("compute.submitted", id=job.id))
            job = _followed(client, job.id, quiet=as_json)
    if as_json:
        show.out_json(job.model_dump(mode="json"))
    elif detach:
        show.out(job.id)
    if not detach:
        _tell(job, quiet=as_json)


@click.command("job", cls=Verb, help=t("compute.job"))
@click.argument("job_id", metavar="ID")
@as_json
def job(*, job_id: str, as_json: bool) -> None:
    with place.client() as client:
        found = client.send(job_calls.job(_whole(client, job_id)))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    show.pairs((t(f"column.{head}"), value) for head, value in zip(HEADS, _row(found), strict=True))
    show.out(show.safe(found.output, keep="\n\t"), newline=False)
    if found.result is not None:
        show.out(json.dumps(found.result, ensure_ascii=False))


@click.command("cancel", cls=Verb, help=t("compute.cancel"))
@click.argument("job_id", metavar="ID")
def cancel(*, job_id: str) -> None:
    with place.client() as client:
        client.send(job_calls.cancel(_whole(client, job_id)))
    show.say(t("compute.cancelled"))


@click.command("scale", cls=Verb, help=t("compute.scale"))
@click.argument("count", type=click.IntRange(0, 16), metavar="N")
def scale(*, count: int) -> None:
    with place.client() as client:
        client.send(job_calls.scale_workers(count))
    show.say(t("compute.scaled", count=count))


def table_of(jobs: "tuple[JobView, ...]") -> None:
    """The list, as ``compute jobs`` shows it."""
    show.table([t(f"column.{head}") for head in HEADS], map(_row, jobs))


def _row(found: "JobView") -> tuple[object, ...]:
    return found.id, found.name, t(f"job.{found.state.value}"), found.worker or "-", found.error or "-"


def _request(file: Path, chosen: dict[str, Any]) -> "JobRequest":
    from pydantic import ValidationError

    from cluster_ai.compute.job_types import JobRequest

    function = chosen["function"]
    try:
        return JobRequest(
            name=file.name,
            source=_source(file),
            function=function,
            # A program reads words; a function takes values.
            args=tuple(map(_value, chosen["args"])) if function else tuple(chosen["args"]),
            kwargs={name: _value(text) for name, text in map(_pair, chosen["keywords"])},
            seconds=chosen["seconds"],
            resources={name: _number(text) for name, text in map(_pair, chosen["resources"])},
        )
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{name}: {first['msg']}", path=name) from exc


def _source(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as exc:
        raise NotFound(f"{file} cannot be read: {exc.strerror}", hint="check the path") from exc
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{file} is no UTF-8 text", path="file") from exc


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f"{text}: NAME=VALUE is meant", path=name)
    return name, value


def _value(text: str) -> Any:
    """JSON where it is some, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise InvalidInput(f"{text} is no number", path="resource") from exc


def _followed(client: "Client", job_id: str, *, quiet: bool) -> "JobDetail":
    """The job when it has ended; what it writes is shown as it comes, unless ``quiet``."""
    from cluster_ai.compute.job_types import ENDED

    shown = ""
    try:
        while True:
            found = client.send(job_calls.job(job_id))
            if not quiet and found.output != shown:
                # The start of a long output is forgotten there: then its end is shown anew.
                news = found.output.removeprefix(shown)
                show.out(show.safe(news, keep="\n\t"), newline=False)
                shown = found.output
            if found.state in ENDED:
                return found
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        show.say(t("compute.goes_on", id=job_id))
        leave(Exit.INTERRUPTED)


def _tell(found: "JobView | JobDetail", *, quiet: bool) -> None:
    from cluster_ai.compute.job_types import JobDetail, JobState

    if not quiet and isinstance(found, JobDetail) and found.result is not None:
        show.out(json.dumps(found.result, ensure_ascii=False))
    if found.state is not JobState.SUCCEEDED:
        show.say(t("compute.ended", state=t(f"job.{found.state.value}"), why=show.safe(found.error)))
        leave(Exit.ERROR)


def _whole(client: "Client", job_id: str) -> str:
    """The identifier that begins or ends so: nobody types 36 characters."""
    found = [one.id for one in client.send(job_calls.jobs()) if one.id.startswith(job_id) or one.id.endswith(job_id)]
    return found[0] if len(found) == 1 else job_id
